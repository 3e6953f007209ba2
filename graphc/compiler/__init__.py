"""From a graph to machine code: `pipeline.py` lists the passes, the folders hold them in their order."""
