"""Free memory, the memory that a network needs, and reuse of memory."""
