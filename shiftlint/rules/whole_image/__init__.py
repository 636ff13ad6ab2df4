"""Rules about dependence on the whole image."""
