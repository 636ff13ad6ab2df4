"""Experiments that reproduce the figures of the paper."""
