"""What runs a model, behind one small interface: ONNX Runtime, or TensorFlow as the fallback."""
