"""The contents of an ONNX file: protobuf, nodes, constants. Contains no analysis."""
