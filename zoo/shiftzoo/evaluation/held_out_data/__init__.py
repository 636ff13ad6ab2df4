"""Data sets that no model was trained on."""
