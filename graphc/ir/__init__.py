"""The expression graph: nodes and operations, their types, and how they are printed."""
