"""Measuring with onnxruntime what a contract claims."""
