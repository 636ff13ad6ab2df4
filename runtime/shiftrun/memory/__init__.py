"""How much memory there is, how much a network needs, and what is used again."""
