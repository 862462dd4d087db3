"""Genotypes as ImageNet classifiers, trained with Model Garden."""
