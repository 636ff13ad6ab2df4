"""Derive a contract from a graph: layout, sizes, probes, the interpreter and its programs."""
