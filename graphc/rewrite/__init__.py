"""Rewriting: named rules that simplify a formula and keep its digits.

ranges      what values a node can take: intervals, signs, NaN
pattern     pattern → replacement in user syntax, matched modulo commutativity
engine      bottom-up to a normal form, with a trace of what fired
algebra     rules that keep every bit
stability   rules that compute the same real function with smaller errors or over a wider range
products    quotients and products as powers of their factors
factors     the factors of a product with exponentials, each at its place
differences differences of roots and of reciprocals whose value is known by form
axes        rules over whole arrays
chains      products of many arrays in the order of fewest multiplications
monomials   sums of products of powers, as plain data
real_form   formulas over the reals, made shorter
real_writer formulas of such forms
rational_functions  functions of one variable as one quotient (rational_reader, rational_trials, univariate)
near_one    powers of 1 + x, compound interest
half_angle  series far beyond their radius, which derivatives are written from
cheaper     what stable forms would compute twice
tables      all of them, and the user's own
"""
