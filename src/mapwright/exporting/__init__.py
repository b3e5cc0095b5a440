"""A model leaves the house: written as ONNX, proved equal, measured, and described."""
