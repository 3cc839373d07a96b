"""Nets of which nothing is known but what they give: functions, ONNX files, PyTorch modules."""
