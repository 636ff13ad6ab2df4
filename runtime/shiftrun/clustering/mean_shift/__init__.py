"""Mean shift over weighted cells."""
