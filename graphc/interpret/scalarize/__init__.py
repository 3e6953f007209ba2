"""Arrays as the numbers they hold: an expression over arrays at a point as one expression over scalars for each element.

What is known of formulas of single elements, their values to any number of digits and their differences, is thereby known of
programs over arrays. Lengths are those of the point; whole numbers and truth values that say where elements go (indices, the
order of a sort, the signs of a QR decomposition) are what the interpreter finds there.
"""

from graphc.interpret.scalarize.program import elements, named, specialised

__all__ = ["elements", "named", "specialised"]
