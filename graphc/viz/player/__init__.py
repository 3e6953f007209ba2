"""Pages to play with: a graph stepped through node by node, and figures whose inputs are dragged.

lesson.py says what is told, mathml.py typesets it, layout.py and picture.py draw the graph, page.py puts the file together, and
the scripts beside them run in the page.
"""

from graphc.viz.player.figure import Figure as Figure
from graphc.viz.player.figure import Plot as Plot
from graphc.viz.player.figure import figure as figure
from graphc.viz.player.figure import plot as plot
from graphc.viz.player.page import page as page
from graphc.viz.player.plane import plane as plane
