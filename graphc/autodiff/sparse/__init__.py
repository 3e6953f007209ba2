"""Sparse Jacobians and Hessians: which derivatives may differ from zero, and how few sweeps compute them all."""
