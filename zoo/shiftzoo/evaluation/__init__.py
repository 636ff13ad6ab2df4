"""The quality of a network on labeled images, and the effect of tiling on it."""
