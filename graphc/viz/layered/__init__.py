"""A layout of graphc's own: layers from left to right, frames as nested parts of them, lines that run in the channels between.

Sugiyama's scheme. network.py says what is laid out, layers.py in which column each thing stands, ordering.py in which order
from top to bottom, coordinates.py where exactly, and wires.py draws the lines. Between two columns is a channel that holds lines
alone, and within a column every line is level and has a place of its own: so none runs through anything.
"""
