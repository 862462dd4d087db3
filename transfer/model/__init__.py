"""The classifiers: stacked cells, and networks that people designed."""
