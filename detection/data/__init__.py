"""Images with boxes and masks, from TFDS sets, TFRecord files and folders."""
