"""Networks and transformers as ONNX graphs, checked against what they were made of."""
