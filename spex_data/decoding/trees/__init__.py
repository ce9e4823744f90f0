"""Gradient-boosted trees over masks and their exact Fourier expansion."""
