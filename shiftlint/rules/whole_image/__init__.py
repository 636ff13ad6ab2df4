"""Rules about what depends on the whole image."""
