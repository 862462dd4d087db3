"""Strategies that train a recurrent controller by policy gradients."""
