"""The positions of tiles, reads and label windows; no px are computed here."""
