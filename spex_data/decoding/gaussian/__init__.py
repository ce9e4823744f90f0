"""Gaussian processes over masks: a prior over the coefficients of every set up to an order."""
