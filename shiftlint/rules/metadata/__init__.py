"""Rules about the model's metadata."""
