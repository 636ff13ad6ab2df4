"""Zoo models by name: index, download, cache."""
