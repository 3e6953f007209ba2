"""Rational functions of one variable, seen whole: their derivatives cancel, and powers overflow although quotients do not.

The second derivative of log(1 + x²) is a difference of two quotients whose parts overflow where x⁴ does, and the difference is
nothing but rounding long before. Over one denominator it is (2 − 2x²)/(1 + x²)², and in t = 1/x it is t²(2t² − 2)/(t² + 1)²:
nothing there overflows before the value does. The same holds of a variable √(x + 1), in which √(x + 1) − 1 is
x/(√(x + 1) + 1), and of quotients with a factor √(x² ± 1).

Which of these forms a formula takes, near 0 and far out, is found by trying them (`rational_trials`): one that is as good as any
stays as it is. This comes after all other rules, and looks at the largest parts of a graph that are such functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphc.ir.expr import Expr, constant, on_this_line, rebuild, substitute, walk
from graphc.ir.scopes import deriving, stay
from graphc.ops.comparison import isnan, where
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.thresholds import polar
from graphc.rewrite.forms.univariate import Number, Poly
from graphc.rewrite.rational.rational_reader import Reader, RootQuotient, univariate
from graphc.rewrite.rational.rational_trials import Trial
from graphc.rewrite.rational.rational_writer import MOST_POWER, FunctionWriter, InexactError
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

ROOTS = ("add", "subtract", "multiply", "divide", "negative", "where")
SKIPPED = frozenset(
    ("exp", "exp2", "expm1", "sigmoid", "tanh", "sinh", "cosh", "softplus", "log_sigmoid", "sin", "cos", "tan", "gamma", "exprel")
)  # fmt: skip
"""Parts that have rules of their own, or values in an interval alone."""


MOST_TERMS = 8
"""Terms of a denominator that are looked at for powers."""


def _writer(
    node: Expr, read: RootQuotient, factors: Mapping[Poly, tuple[Expr, Number]]
) -> FunctionWriter | None:
    form = univariate(read)
    if form is None or form.variable.dtype != node.dtype:
        return None
    return FunctionWriter(form, factors)


def one_quotient(
    node: Expr, read: RootQuotient, factors: Mapping[Poly, tuple[Expr, Number]], whole: bool = False
) -> Expr | None:
    """A formula as one quotient; whole : for what is to be differentiated (`FunctionWriter.near`)."""
    writer = _writer(node, read, factors)
    if writer is not None and len(read.a) <= 1 and not read.b and not read.below:
        if node.op.name not in ("add", "subtract"):
            return None  # x/x is NaN at 0
        value = constant(float(read.a[0]) if read.a else 0.0, node.dtype)
        return where(isnan(writer.variable), writer.variable, value)
    try:
        return None if writer is None else writer.near(whole=whole)
    except (InexactError, OverflowError):
        return None


def forms_of(
    node: Expr, read: RootQuotient, factors: Mapping[Poly, tuple[Expr, Number]], last: bool = False
) -> list[Expr]:
    """What a formula may be replaced by, the cheapest first.

    last : whether none is differentiated: 1/x is as good as x/(1 + x²) far out, but not in ∂/∂x of atan x + x/(1 + x²)
    """
    near, writer = one_quotient(node, read, factors), _writer(node, read, factors)
    if near is None or writer is None or not read.a + read.b:
        return [] if near is None else [near]
    try:
        limit = writer.limit()
        far = None if limit is None else writer.far()
    except (InexactError, OverflowError):
        return [near]
    try:
        leading = writer.leading() if last else None
    except (InexactError, OverflowError):
        leading = None
    chained = writer.near(one_by_one=True)
    if limit is None or far is None:
        return [near, chained]
    inside = abs(writer.variable) < limit
    branches = (
        [where(inside, near, node), where(inside, node, far)] if len(walk([node])) < len(walk([near])) else []
    )
    without_far = [] if leading is None else [where(abs(writer.variable) < leading[0], near, leading[1])]
    return [near, chained, *without_far, far, *branches, where(inside, near, far)]


@dataclass(frozen=True)
class RationalFunction:
    """A rational function of x, of √(x + c), or one times √(x² + c), as the quotient that loses the least, in x and in 1/x"""

    name: str = "rational-function"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "2/(1 + x*x) - 4*x*x/(1 + x*x)/(1 + x*x)", "1/(1 + x*x)*(2*x)", "1/x - 2/(x + 1) + x/(x*x + 3)",
        "(sqrt(1 + x) - 1)/x", "1/(1 - x)/(1 - x) - 1/(1 + x)/(1 + x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ROOTS

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        reader = Reader()
        for below in walk([node]):
            reader.read(below)
        return self.replaced(node, reader, ranges)

    def replaced(
        self,
        node: Expr,
        reader: Reader,
        ranges: Ranges,
        under: Iterable[tuple[Expr, bool]] = (),
        last: bool = False,
    ) -> Expr | None:
        """What stands for a node that was read, or None.

        under : the conditions of the branches that it stands in
        last : as for `forms_of`
        """
        read = _variable(node, reader)
        if read is None or read.atom is None or (_simple(node) and read.root is None and read.degree <= 2):
            return None
        x = read.atom
        known = ranges(x)
        trial = Trial(node, x, read, (known.lo, known.hi), under)
        result = trial.best(forms_of(node, read, reader.factors[x], last))
        return (
            result
            if result is not None and result.shape == node.shape and result.dtype == node.dtype
            else None
        )

    def shorter(self, node: Expr, reader: Reader, ranges: Ranges) -> Expr | None:
        """A node that was read as one quotient, where that has fewer operations: what a derivative is best written from."""
        read = _variable(node, reader)
        if read is None or read.atom is None or _levels_off(read):
            return None
        result = one_quotient(node, read, reader.factors[read.atom], whole=True)
        if result is None or result.shape != node.shape or len(walk([result])) >= len(walk([node])):
            return None
        return result

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _simple(node: Expr) -> bool:
    """Whether a node is a quotient of sums that cannot overflow."""
    return node.op.name == "divide" and all(operand.op.name in _PLAIN for operand in node.operands)


def _levels_off(read: RootQuotient) -> bool:
    """Whether a quotient is of polynomials of one degree, as 1 − 6/(1/x + 3) = (1 − 3x)/(1 + 3x) is: far out the two terms of its
    derivative cancel, which that of the constant and the rest does not."""
    below = sum((len(p) - 1) * n for p, n in read.below.items())
    return not read.b and below > 0 and len(read.a) - 1 == below


_PLAIN = frozenset(("add", "subtract", "constant", "symbol"))


def _variable(node: Expr, reader: Reader) -> RootQuotient | None:
    """What a node is a quotient of, where that is a number of its type."""
    read = reader.known.get(node)
    if read is None or not read.divides or read.atom is None or node.dtype.itemsize not in MOST_POWER:
        return None
    x = read.atom
    if x.operands and not x.op.on_arrays:
        return (
            None  # of x² + y², say: it over- and underflows by itself, which no trial of its own sizes sees
        )
    if x is node or x.dtype != node.dtype or x.shape != node.shape or x.op.name in SKIPPED:
        return None
    return read


RULE = RationalFunction()
RULES = (RULE,)


@paused()
def written_whole(
    outputs: Iterable[Expr], rules: Iterable[RationalFunction], source: bool = False, last: bool = False
) -> tuple[list[tuple[RationalFunction, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with the largest rational functions in them as one quotient, and what was replaced.

    source : for what is to be differentiated: the shortest form, without branches of its own
    last : as for `forms_of`
    """
    outputs = tuple(outputs)
    order = walk(outputs)
    (rule,) = rules
    reader = Reader()
    for node in order:
        reader.read(node)
    whole, branches = _largest(order, outputs, reader), _branches(order, outputs)
    ranges = Ranges()
    steps: list[tuple[RationalFunction, Expr, Expr]] = []
    target: dict[Expr, tuple[Expr, Expr]] = {}
    with on_this_line(), deriving():
        for node in whole:
            stay(node.block)
            read = reader.known[node]
            after = (
                rule.shorter(node, reader, ranges)
                if source
                else rule.replaced(node, reader, ranges, branches[node], last)
            )
            if after is not None and after is not node and read is not None and read.atom is not None:
                steps.append((rule, node, after))
                target[node] = after, read.atom
        return (steps, _exchanged(outputs, target)) if steps else ([], outputs)


def worth(outputs: Sequence[Expr]) -> bool:
    """Whether there is a quotient at all."""
    return any(node.op.name in ("divide", "reciprocal") for node in walk(outputs))


def may_overflow(nodes: Iterable[Expr]) -> bool:
    """Whether there is a quotient with sums below that hold a power, or of two sums of which the upper one does.

    It may have a value where the power has none, and digits where both are near 0.
    """
    for node in nodes:
        if node.op.name == "divide":
            above, below = node.operands
            if _has_power(below) or (below.op.name in _SUMS and _has_power(above)):
                return True
    return False


_SUMS = frozenset(("add", "subtract"))


def _has_power(below: Expr) -> bool:
    """Whether a sum has a term that is a power, as far as a bounded look goes."""
    pending = [below]
    for _ in range(MOST_TERMS):
        if not pending:
            return False
        node = pending.pop()
        if node.op.name in ("add", "subtract"):
            pending += node.operands
        elif node is not below and (
            node.op.name in ("square", "sqrt") or (node.op.name == "multiply" and not any(o.is_constant for o in node.operands))
            or (node.op.name == "pow" and node.operands[1].is_constant)
        ):  # fmt: skip
            return True
    return False


def _largest(order: Sequence[Expr], outputs: Sequence[Expr], reader: Reader) -> list[Expr]:
    """The quotients that are no part of larger ones."""
    ends = set(outputs)
    for node in order:
        read = reader.known.get(node)
        whole = read is not None and read.atom is not node
        for operand in node.operands:
            part = reader.known.get(operand)
            if part is not None and not (whole and part.atom in (None, read.atom)):  # type: ignore[union-attr]
                ends.add(operand)
    return [
        node
        for node in order
        if node in ends
        and node.op.name in ROOTS
        and (q := reader.known.get(node)) is not None
        and q.atom is not node
    ]


Condition = tuple[Expr, bool]
"""A condition, and whether it holds"""


def _branches(order: Sequence[Expr], outputs: Sequence[Expr]) -> dict[Expr, frozenset[Condition]]:
    """The conditions of the branches that all uses of a node stand in."""
    nothing: frozenset[Condition] = frozenset()
    found: dict[Expr, frozenset[Condition]] = dict.fromkeys(outputs, nothing)
    for node in reversed(order):
        own = found[node]
        for place, operand in enumerate(node.operands):
            inside = own
            if node.op.name == "where" and place:
                condition, positive = polar(node.operands[0])
                inside = own | {(condition, positive == (place == 1))}
            found[operand] = inside if operand not in found else found[operand] & inside
    return found


def _exchanged(outputs: Sequence[Expr], target: Mapping[Expr, tuple[Expr, Expr]]) -> tuple[Expr, ...]:
    """The outputs with nodes replaced; target : node → what replaces it, and the part of it that may hold others"""
    written: dict[Expr, Expr] = {}
    for node in walk(outputs):
        if node in target:
            after, x = target[node]
            written[node] = after if written[x] is x else substitute(after, {x: written[x]})
            continue
        operands = tuple([written[operand] for operand in node.operands])
        written[node] = rebuild(node, operands) if operands != node.operands else node
    return tuple([written[output] for output in outputs])


__all__ = ["RULE", "RULES", "may_overflow", "worth", "written_whole"]
