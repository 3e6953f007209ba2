"""Diagrams: a graph becomes a view (pure data), the view DOT text, the text SVG, PNG or PDF.

view_graph.py says what is shown, style.py how it looks, layered/ where it stands, writers/ write it down, graphviz_engine.py
renders what is too large for that, and diagram.py is what a user holds.
"""

from graphc.viz.annotations import DEFAULT as DEFAULT
from graphc.viz.annotations import SHOW as SHOW
from graphc.viz.collapse import MAX_NODES as MAX_NODES
from graphc.viz.collapse import fold as fold
from graphc.viz.diagram import Diagram as Diagram
from graphc.viz.model import View as View
from graphc.viz.side_by_side import panels as panels
from graphc.viz.style import SLIDES as SLIDES
from graphc.viz.style import STYLES as STYLES
from graphc.viz.style import Style as Style
from graphc.viz.style import as_style as as_style
from graphc.viz.view_graph import view as view
