"""What a trained detector is written as: SavedModel, TFLite, ONNX."""
