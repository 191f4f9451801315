"""The contour encoder: pairs of windows made from notes, a small network, its export to ONNX."""
