"""The network on tiles: read, normalize, run, keep."""
