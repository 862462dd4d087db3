"""Evolved graphs (Real et al. 2017): networks as graphs that grow, and the eleven mutations."""
