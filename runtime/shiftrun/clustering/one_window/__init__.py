"""The labels of one window."""
