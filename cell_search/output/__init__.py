"""What a search shows and writes: progress, reports, charts, TensorBoard, its results."""
