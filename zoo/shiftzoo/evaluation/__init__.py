"""How good a network is on labeled images, and what tiling does to it."""
