"""Reports for readers and programs, one module per kind of result."""
