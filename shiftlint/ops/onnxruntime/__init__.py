"""Operators that onnxruntime's optimizer writes."""
