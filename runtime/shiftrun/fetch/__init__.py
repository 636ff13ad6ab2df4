"""Zoo networks by name: index, download, cache."""
