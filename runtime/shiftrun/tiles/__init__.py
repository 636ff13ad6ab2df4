"""Where tiles, reads and label windows begin and end; nothing is computed here."""
