"""Random graphs, contracts checked against onnxruntime: `python -m tests.fuzz --graphs 10000`."""
