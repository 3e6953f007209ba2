"""Formulas as plain data that rules look at: terms and factors, polynomials with exact coefficients, power series."""
