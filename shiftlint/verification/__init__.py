"""Measure the claims of a contract with onnxruntime."""
