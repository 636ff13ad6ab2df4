"""From a graph to its contract: layout, sizes, probes, the interpreter and its programs."""
