"""Rules about objects that look the same."""
