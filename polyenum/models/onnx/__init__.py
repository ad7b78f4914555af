"""ONNX files: read node by node."""
