"""From a data set to batches of images, in an order that a resumed training can go on with."""
