"""Run the network on tiles: read, normalize, run, keep."""
