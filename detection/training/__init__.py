"""A detector's training, and COCO's figures of it."""
