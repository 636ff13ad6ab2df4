"""The figures and proofs of the paper, a module each."""
