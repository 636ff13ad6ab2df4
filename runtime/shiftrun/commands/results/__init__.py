"""The files that a command writes besides the labels."""
