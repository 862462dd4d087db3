"""The whole way from a folder of images to a classifier in one command: `cells auto`."""
