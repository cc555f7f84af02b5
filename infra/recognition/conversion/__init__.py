"""Make the ONNX models of recognition from the packages that publish their weights: see __main__.py."""
