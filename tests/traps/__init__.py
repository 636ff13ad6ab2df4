"""Small networks to be wrong about: each has an image and a tile for which a careless runner gives
other px in silence.
"""
