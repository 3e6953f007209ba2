"""The search for digits: formulas rewritten by trial, measured against what is true of them."""
