"""Operators that onnxruntime's optimizer creates."""
