"""The detectors: Model Garden's heads on a backbone of stacked cells."""
