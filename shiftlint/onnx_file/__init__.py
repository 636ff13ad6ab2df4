"""What stands in an ONNX file: protobuf, nodes, constants. Knows no analysis."""
