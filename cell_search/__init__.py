"""Searches the cells of image classifiers on small images and writes the best as a genotype."""
