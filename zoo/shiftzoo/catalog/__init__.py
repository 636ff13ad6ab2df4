"""The catalog of models: cards, index, the release gate, and their commands."""
