"""Labels and arrays, written whole or not at all."""
