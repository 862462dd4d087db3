"""What a trained classifier is written as: Keras, SavedModel, TFLite, ONNX."""
