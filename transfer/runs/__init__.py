"""What a training leaves in its folder, and what one may begin from."""
