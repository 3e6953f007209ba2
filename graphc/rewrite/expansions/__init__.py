"""Formulas of one variable, or of one product of variables, by their series near 0."""
