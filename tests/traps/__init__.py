"""Small networks that are easy to get wrong: a careless runner silently gives other px in tiles."""
