"""Rules about periods and training windows."""
