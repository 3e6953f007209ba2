"""What rewriting is: patterns, the rules that may fire at a node, what values it can take, the way to a normal form."""
