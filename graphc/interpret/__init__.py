"""Graphs evaluated without machine code: by NumPy, and by mpmath with a bound on the error."""
