"""An opened model: its file, its runs, its instances."""
