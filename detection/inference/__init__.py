"""A trained detector at work: files and videos in, boxes and pictures out."""
