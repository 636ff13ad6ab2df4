"""Rules about what the model says of itself."""
