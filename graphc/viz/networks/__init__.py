"""Networks as books draw them: stages.py reads layers from a graph, tidy.py makes them few, and then they are columns of neurons
(neurons.py) or boxes with sizes (boxes.py) that graphc's layered layout places (drawing.py).
"""
