"""From embeddings to instances."""
