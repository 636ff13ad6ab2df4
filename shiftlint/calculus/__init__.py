"""The mathematics of shift equivariance: relations, tracks, notes and tensors."""
