"""How sure interactions are: cross-fitted estimates, intervals, and a list at a false discovery rate."""
