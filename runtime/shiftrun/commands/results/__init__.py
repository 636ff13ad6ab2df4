"""What a command writes beside the labels."""
