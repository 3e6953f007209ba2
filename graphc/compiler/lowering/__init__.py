"""Composite operations in terms of simple ones."""
