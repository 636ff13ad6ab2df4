"""An opened model: its file, runs and instances."""
