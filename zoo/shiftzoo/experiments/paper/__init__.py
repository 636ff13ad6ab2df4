"""The figures and proofs of the paper, one module each."""
