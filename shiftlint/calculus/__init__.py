"""Relations, tracks, notes and tensors: the mathematics of shift equivariance."""
