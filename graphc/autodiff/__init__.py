"""Differentiation: from expressions to expressions."""
