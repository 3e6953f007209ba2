"""Composite operations in terms of simple ones, and what views and indexing do to an index."""
