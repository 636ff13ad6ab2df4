"""Random graphs whose claimed contracts are held against onnxruntime: `python -m tests.fuzz
--graphs 10000`.
"""
