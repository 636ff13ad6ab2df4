"""The contract of a network: its values, their JSON form, and what files declare of it."""
