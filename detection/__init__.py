"""Genotypes as backbones of object detectors, trained with Model Garden."""
