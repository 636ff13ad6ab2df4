"""Images of every format, read by windows."""
