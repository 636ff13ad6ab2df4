"""Arrays that are read by windows: boxes, views, px sizes."""
