"""Strategies that predict a score and propose what the prediction likes."""
