"""A laid-out diagram as text of a format: DOT, SVG, TikZ."""
