"""Ordinary differential equations, integrated by loops of the graph: every method is a composition of `scan` and `while_loop`."""
