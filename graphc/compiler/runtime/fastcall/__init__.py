"""Calls without Python: the entry points for numbers and arrays, and the cache of call sites."""
