"""Rules about networks that cannot be analyzed."""
