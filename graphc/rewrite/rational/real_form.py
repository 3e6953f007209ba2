"""Formulas over the reals: like terms collected, factors cancelled, as on the blackboard.

A node is seen as a sum of products of powers with rational coefficients: {monomial: coefficient}. What is no sum, product or
power with a constant exponent is an atom, and so is a sum that is a factor: products are multiplied out only where it is shorter.

What is used: the laws of real arithmetic, eᵃ·eᵇ = eᵃ⁺ᵇ, log eᵃ = a, e^(log a) = a, sin² + cos² = 1, cosh² − sinh² = 1, |a|² = a²,
and of symbols the ranges that were declared: √(x²) is |x|, and x where x ≥ 0 is promised. The value stays the same real number
wherever the formula has one; where it has none (x/x at 0) the shorter one may have one. Rounding, overflow and NaN are not kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

from graphc.ir.expr import Expr, apply, cast, constant, rebuild, walk
from graphc.ir.op import lookup
from graphc.ir.types import is_float
from graphc.ops.support.build import broadcast
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.monomials import (
    LARGEST_EXPONENT,
    MOST_FACTORS,
    MOST_TERMS,
    ONE,
    UNIT,
    Factors,
    Form,
    added,
    content_of,
    exact_power,
    is_even,
    merged,
    multiplied,
    number,
    single,
)
from graphc.rewrite.rational.real_writer import FormWriter, unknown


class RealForms(FormWriter):
    """The forms of the nodes of some formulas, and formulas made of forms.

    at_each : called before the form of a node is made; what it raises ends that, where there is a time to keep
    """

    def __init__(self, at_each: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._at_each = at_each
        self._ranges = Ranges()
        self._forms: dict[Expr, Form] = {}
        self._shortest: dict[Expr, Expr] = {}
        self._tried: set[Expr] = set()

    def shortest(self, outputs: Iterable[Expr]) -> list[Expr]:
        """Formulas of the same values, none longer than it was."""
        outputs = list(outputs)
        for output in outputs:
            self.known(output)
        return [self._written(output) for output in outputs]

    # --- formulas to forms ------------------------------------------------------------------------------------------

    def _form(self, node: Expr) -> Form:
        if not is_float(node.dtype):
            return self._atom(node)
        if node.is_constant:
            finite = not node.shape and math.isfinite(node.value)
            return number(Fraction(float(node.value))) if finite else single(node)
        if node.op.on_arrays or not node.operands or not all(o.dtype.kind in "fiu" for o in node.operands):
            return self._atom(node)
        rule = _RULES.get(node.op.name)
        form = None if rule is None else rule(self, node, [self._operand(o, node) for o in node.operands])
        return self._atom(node) if form is None else form

    def _operand(self, operand: Expr, user: Expr) -> Form:
        """The form of an operand, of whole numbers as floats."""
        if is_float(operand.dtype):
            return self._forms[operand]
        if operand.is_constant and not operand.shape:
            return number(Fraction(int(operand.value)))
        return single(cast(self._written(operand), user.dtype))

    def _atom(self, node: Expr) -> Form:
        if not node.operands:
            return single(node)
        shortest = tuple([self._written(operand) for operand in node.operands])
        if node.op.name == "where" and shortest[1] is shortest[2] and shortest[1].shape == node.shape:
            return self._forms[node.operands[1]]
        return single(rebuild(node, shortest) if shortest != node.operands else node)

    def _product(self, one: Form, other: Form) -> Form:
        """A product; of two sums as a product of atoms."""
        if len(one) > 1 and len(other) > 1:
            one, other = self.power(one, ONE), self.power(other, ONE)
        elif len(one) > 1 or len(other) > 1:
            sums, term = (one, other) if len(one) > 1 else (other, one)
            if any(factors for _, factors in term.values()):
                sums = self.power(sums, ONE)
            one, other = (sums, term) if len(one) > 1 else (term, sums)
        return self.tidied(multiplied(one, other))

    def tidied(self, form: Form) -> Form:
        """Even powers of |a| as powers of a."""
        result: Form = {}
        for key, (coefficient, factors) in form.items():
            even = [(b, e) for b, e in factors if b.op.name == "abs" and e.denominator == 1 and e % 2 == 0]
            if not even:
                result = added(result, {key: (coefficient, factors)})
                continue
            rest = tuple([pair for pair in factors if pair not in even])
            term: Form = {frozenset(rest): (coefficient, rest)}
            for base, exponent in even:
                inner = self.known(base.operands[0])
                term = multiplied(term, self.power(inner, exponent) or single(base, exponent))
            result = added(result, term)
        return result

    def known(self, node: Expr) -> Form:
        """The form of a node, one that was written here perhaps."""
        for below in unknown(node, self._forms):
            if self._at_each is not None:
                self._at_each()
            try:
                form = self._form(below)
            except OverflowError:  # a coefficient that is no float
                form = self._atom(below)
            if len(form) > MOST_TERMS or any(len(factors) > MOST_FACTORS for _, factors in form.values()):
                form = self._atom(below)
            self._forms[below] = form
        return self._forms[node]

    def power(self, form: Form, exponent: Fraction) -> Form:
        """A power; {} where there is none."""
        if not form:
            return {}
        if len(form) == 1:
            ((coefficient, factors),) = form.values()
            return self._power_of_term(coefficient, factors, exponent)
        content = content_of(form)
        if exponent.denominator != 1:
            content = abs(content)
        scale = exact_power(content, exponent)
        if scale is None:
            content, scale = ONE, ONE
        base, sign = self.sum_atom(added({}, form, 1 / content), exponent.denominator == 1)
        return added({}, single(base, exponent), -scale if sign < 0 and exponent % 2 else scale)

    def sum_atom(self, form: Form, signed: bool) -> tuple[Expr, int]:
        """The atom that a sum is, in whatever order it is written: that of its negative with the sign −1 if it came first."""
        for sign in (1, -1) if signed else (1,):
            terms = frozenset((key, sign * coefficient) for key, (coefficient, _) in form.items())
            if terms in self._atoms:
                return self._atoms[terms], sign
        base = self.build(form)
        self._sums[base] = form
        self._atoms[frozenset((key, coefficient) for key, (coefficient, _) in form.items())] = base
        return base, 1

    def _power_of_term(self, coefficient: Fraction, factors: Factors, exponent: Fraction) -> Form:
        whole = exponent.denominator == 1
        scale = exact_power(coefficient, exponent)
        every = all(self._at_least(base, 0) or is_even(e) for base, e in factors) and coefficient > 0
        out: Factors = ()
        inside: Factors = ()
        for base, own in factors:
            if whole or (every and self._at_least(base, 0)) or self._is_positive(base):
                out = merged(out, ((base, own * exponent),))
            elif every:
                out = merged(out, ((apply(lookup("abs"), base), own * exponent),))
            else:
                inside = (*inside, (base, own))
        if scale is None or (inside and coefficient < 0):
            scale = ONE
            inside_form: Form = {frozenset(inside): (coefficient, inside)}
        else:
            inside_form = {frozenset(inside): (ONE, inside)} if inside else {}
        result: Form = {frozenset(out): (scale, out)}
        if inside_form:
            result = multiplied(result, single(self.build(inside_form), exponent))
        return self.tidied(result)

    def _at_least(self, base: Expr, low: float) -> bool:
        return self._ranges(base).lo >= low

    def _is_positive(self, base: Expr) -> bool:
        return base.op.name == "exp" or self._ranges(base).lo > 0

    # --- forms to formulas ------------------------------------------------------------------------------------------

    def _written(self, node: Expr) -> Expr:
        """The shortest formula of a node, of its type and shape; the node with shorter operands where its form gives none."""
        shortest = self._shortest
        pending = [node]
        while pending:
            top = pending[-1]
            shorter = shortest.get(top)
            if shorter is None:
                shorter = self._shorter(top)
            waiting = (
                [operand for operand in top.operands if operand not in shortest] if shorter is None else []
            )
            if waiting:
                pending += waiting
                continue
            pending.pop()
            if shorter is None:
                shorter = rebuild(top, tuple([shortest[operand] for operand in top.operands]))
            shortest[top] = shorter
        return shortest[node]

    def _shorter(self, node: Expr) -> Expr | None:
        """What the form of a node gives, where it is no longer than the node."""
        if not is_float(node.dtype) or not node.operands or node in self._tried:
            return None
        self._tried.add(node)
        try:
            shorter = self._fitted(self.best(self.known(node)), node)
        except OverflowError:
            return None
        return None if shorter is None or self.size(shorter) > self.size(node) else shorter

    def _fitted(self, result: Expr, node: Expr) -> Expr | None:
        """A formula in the type and the shape of the node that it stands for; None where nothing gives it the shape."""
        if result.dtype != node.dtype:
            result = (
                constant(result.value.astype(node.dtype)) if result.is_constant else cast(result, node.dtype)
            )
        if result.shape == node.shape:
            return result
        wide = [below for below in walk([node]) if below.shape == node.shape and below is not node]
        return broadcast(result, min(wide, key=self.size)) if wide else None


# --- the operations --------------------------------------------------------------------------------------------------


def _constant(form: Form) -> Fraction | None:
    """The number that a form is."""
    if not form:
        return Fraction(0)
    return form[UNIT][0] if len(form) == 1 and UNIT in form else None


def _pow(forms: RealForms, node: Expr, of: list[Form]) -> Form | None:
    exponent = _constant(of[1])
    if exponent is None or abs(exponent) > LARGEST_EXPONENT or exponent.denominator > 1000:
        return None
    if not exponent:
        return number(ONE)
    if not of[0]:
        return {} if exponent > 0 else None
    return forms.power(of[0], exponent)


def _divide(forms: RealForms, node: Expr, of: list[Form]) -> Form | None:
    return forms._product(of[0], forms.power(of[1], -ONE)) if of[1] else None


def _exp(forms: RealForms, node: Expr, of: list[Form]) -> Form | None:
    """e^(c·m + …) as (e^m)^c·…; e^(log a) as a."""
    result: Form = number(ONE)
    if len(of[0]) > MOST_FACTORS:
        return None
    for coefficient, factors in of[0].values():
        if len(factors) == 1 and factors[0][0].op.name == "log" and factors[0][1] == 1 and coefficient == 1:
            inner = forms.known(factors[0][0].operands[0])
            result = forms._product(result, inner)
            continue
        base = constant(forms.build_term(ONE, factors))
        result = multiplied(result, single(apply(lookup("exp"), base), coefficient))
    return result


def _log(forms: RealForms, node: Expr, of: list[Form]) -> Form | None:
    """log(eᵃ) as a."""
    if len(of[0]) != 1:
        return None
    ((coefficient, factors),) = of[0].values()
    if coefficient != 1 or not factors or any(base.op.name != "exp" for base, _ in factors):
        return None
    result: Form = {}
    for base, exponent in factors:
        result = added(result, forms.known(base.operands[0]), exponent)
    return result


def _abs(forms: RealForms, node: Expr, of: list[Form]) -> Form | None:
    if not of[0]:
        return {}
    low = forms._ranges(node.operands[0])
    if low.lo >= 0:
        return of[0]
    if low.hi <= 0:
        return added({}, of[0], -ONE)
    if len(of[0]) == 1:
        return forms.power(forms.power(of[0], Fraction(2)), Fraction(1, 2))
    return None


_RULES = {
    "add": lambda forms, node, of: added(of[0], of[1]),
    "subtract": lambda forms, node, of: added(of[0], of[1], -ONE),
    "negative": lambda forms, node, of: added({}, of[0], -ONE),
    "multiply": lambda forms, node, of: forms._product(of[0], of[1]),
    "divide": _divide,
    "reciprocal": lambda forms, node, of: forms.power(of[0], -ONE) or None,
    "square": lambda forms, node, of: forms.power(of[0], Fraction(2)),
    "sqrt": lambda forms, node, of: forms.power(of[0], Fraction(1, 2)),
    "pow": _pow,
    "exp": _exp,
    "log": _log,
    "abs": _abs,
}
"""Operation → (forms, node, forms of the operands) → its form; None where it stays as it is."""


__all__ = ["RealForms"]
