"""Windows united to one label image."""
