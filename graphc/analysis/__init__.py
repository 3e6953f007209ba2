"""What is measured of formulas: digits that survive, derivatives against differences, what compiling gains."""
