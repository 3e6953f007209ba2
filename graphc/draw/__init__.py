"""Diagrams: a graph becomes a view (pure data), the view DOT text, the text SVG, PNG or PDF.

view.py says what is shown, style.py how it looks, dot.py writes it down, engine.py renders it, and diagram.py is what a
user holds.
"""

from graphc.draw.diagram import Diagram as Diagram
from graphc.draw.fold import MAX_NODES as MAX_NODES
from graphc.draw.fold import fold as fold
from graphc.draw.panels import panels as panels
from graphc.draw.parts import View as View
from graphc.draw.shown import DEFAULT as DEFAULT
from graphc.draw.shown import SHOW as SHOW
from graphc.draw.style import SLIDES as SLIDES
from graphc.draw.style import STYLES as STYLES
from graphc.draw.style import Style as Style
from graphc.draw.style import as_style as as_style
from graphc.draw.view import view as view
