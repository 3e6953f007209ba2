"""Neighbours: one file for each package that graphc exchanges expressions or arrays with."""
