"""How formulas come in: text, traced Python functions, batches, SymPy, JSON, operations of a user's own."""
