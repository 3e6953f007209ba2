"""Rewriting: named rules that simplify a formula and keep its digits.

engine/      patterns, ranges of values, and the way to a normal form, with a trace of what fired
forms/       formulas as plain data: terms, polynomials, power series
rational/    quotients of polynomials and roots
rules/       rules over numbers: exact ones (algebra, branches), and those that keep digits
expansions/  series near 0
arrays/      rules over whole arrays
derivatives  what derivatives are written from
tables       all rules in the order in which they are tried, and the user's own
"""
