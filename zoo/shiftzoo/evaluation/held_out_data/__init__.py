"""Data sets that no training has seen."""
