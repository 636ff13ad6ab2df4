"""Unite windows into one label image."""
