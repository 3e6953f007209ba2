"""Quotients of polynomials and of roots, multiplied out exactly and written so that nothing cancels late."""
