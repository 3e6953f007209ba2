"""Functions with derivatives of their own, as JAX has them: `custom_vjp` and `custom_jvp`.

The Python function runs once for each call, with symbols in place of what it is called with, and so do the functions that are its
rule: what they return becomes bodies of one node.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphc.autodiff.calls  # noqa: F401  it declares the derivatives of calls
from graphc.errors import ArityError, DefinitionError, ExpressionError, brief_text
from graphc.frontend.body_trace import body_function, captured_by, closed_body
from graphc.frontend.call_trace import (
    Arguments,
    argument_names,
    fitted,
    function_name,
    least_arguments,
    positional,
    returned,
)
from graphc.interpret.rule_check import Disagreement, of_bodies
from graphc.ir.body import Body
from graphc.ir.expr import Expr, current_site, symbol
from graphc.ir.formatting import show_number, show_value
from graphc.ir.types import is_float
from graphc.ops.closures import Mode, call_results, floats
from graphc.ops.support.build import zeros_like
from graphc.util.arguments import listed
from graphc.util.pytree import Structure, flatten, map_leaves, unflatten

MOST_NESTED = 2
"""A rule that calls the function it is of gets one with that rule again, so many times within each other; then the function as it
is written."""


class _Custom:
    """A function with a rule; called as the function is."""

    mode: Mode = ""

    def __init__(
        self,
        f: Callable[..., Any],
        *,
        name: str | None = None,
        nondiff_argnums: Sequence[int] = (),
        check: bool = True,
        domain: tuple[float, float] | None = None,
    ) -> None:
        body_function(type(self).__name__, f, least_arguments(f))
        self.f = f
        functools.update_wrapper(self, f)
        self.name: str = name if name is not None else function_name(f)
        self._static = frozenset(_places(nondiff_argnums))
        self._check, self._domain = check, _interval(domain)
        self._checked: set[Any] = set()
        self._nested = 0

    def _ready(self) -> bool:
        raise NotImplementedError

    def _traced_rule(
        self, arguments: Arguments, static: list[Any], outputs: list[Expr], tree: Structure
    ) -> tuple[list[Expr], list[Expr]]:
        """(the symbols of what the rule takes beside the arguments, what it gives)"""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = positional(self, self.f, args, kwargs)
        if self._nested >= MOST_NESTED:
            return self.f(*args)
        if not self._ready():
            raise DefinitionError(
                f"{self.name} has no rule yet",
                site=current_site(),
                hint=f"declare it with {self.name}.{'defvjp(fwd, bwd)' if self.mode == 'vjp' else 'defjvp(rule)'}",
            )
        static = [arg for place, arg in enumerate(args) if place in self._static]
        names = [
            name for place, name in enumerate(argument_names(self.f, len(args))) if place not in self._static
        ]
        arguments = Arguments([arg for place, arg in enumerate(args) if place not in self._static], names)
        outputs, tree = returned(self.name, self.f(*self._merged(static, arguments.built(arguments.symbols))))
        self._nested += 1
        try:
            beside, given = self._traced_rule(arguments, static, outputs, tree)
        finally:
            self._nested -= 1
        own = arguments.own
        captured = captured_by([*own, *beside], [*outputs, *given])
        body = closed_body(own, outputs, captured)
        rule = _moved(closed_body([*own, *beside], given, captured), len(own), len(beside))
        self._hold(body, rule, arguments, names)
        results = call_results(self.name, body, [*arguments.leaves, *captured], rule, self.mode, len(own))
        return unflatten(tree, iter(results))

    def _merged(self, static: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        """All arguments in their order, of those that are differentiated and those that are not."""
        rest, fixed = iter(others), iter(static)
        count = len(static) + len(others)
        return [next(fixed) if place in self._static else next(rest) for place in range(count)]

    def _hold(self, body: Body, rule: Body, arguments: Arguments, names: Sequence[str]) -> None:
        """Raises where the rule is not the derivative of the function, by differences, for arguments of types not met before."""
        if not self._check or self._nested:
            return
        key = (body, rule)
        if key in self._checked:
            return
        found = of_bodies(body, rule, self.mode, len(arguments.own), self._domain)
        if isinstance(found, Disagreement):
            raise disagrees(self.name, found, _leaf_names(arguments, names))
        if not found:
            raise DefinitionError(
                f"the derivative of {self.name} could not be held against differences: where it was tried it is not finite",
                site=current_site(),
                hint="domain=(low, high) says where it has; check=False leaves the check out",
            )
        self._checked.add(key)


def disagrees(name: str, found: Disagreement, names: Sequence[str]) -> DefinitionError:
    """The error of a derivative that is not the function's."""
    at = ", ".join(
        f"{known} = {show_number(float(x)) if not x.shape else show_value(x)}"
        for known, x in zip(names, found.point, strict=False)
    )
    return DefinitionError(
        f"the derivative of {name} by {names[found.place]} is {found.own:.9g} where differences of the function give "
        f"{found.wanted:.9g}, at {at}",
        site=current_site(),
        hint="of arrays along one direction; check=False declares a derivative that is meant to be another",
    )


def _leaf_names(arguments: Arguments, names: Sequence[str]) -> list[str]:
    return [
        f"{name}[{k}]" if len(each) > 1 else name
        for name, each in zip(names, arguments.symbols, strict=True)
        for k in range(len(each))
    ]


def _moved(body: Body, own: int, beside: int) -> Body:
    """A body whose arguments (own, beside, outside) come as (own, outside, beside)."""
    stand_ins = [symbol(f"\2arg{k}", x.shape, x.dtype) for k, x in enumerate(body.inputs)]
    order = [*stand_ins[:own], *stand_ins[own + beside :], *stand_ins[own : own + beside]]
    return Body(order, body.of(stand_ins))


# --- the two kinds of rules ----------------------------------------------------------------------------------------------------


def _interval(domain: Any) -> tuple[float, float] | None:
    """Where the check draws its arguments."""
    if domain is None:
        return None
    try:
        low, high = (float(end) for end in domain)
    except Exception:  # whatever it is
        low, high = 1.0, 0.0
    if not -np.inf < low < high < np.inf:
        raise DefinitionError(
            f"the domain is {brief_text(domain, 60)}", site=current_site(), hint="write domain=(low, high)"
        )
    return low, high


def _places(places: Any) -> list[int]:
    """The places of arguments."""
    known = listed("nondiff_argnums", places, "nondiff_argnums=(0,)")
    if not all(type(place) is int and place >= 0 for place in known):
        raise ExpressionError(
            f"nondiff_argnums are places of arguments, not {brief_text(places, 40)}",
            site=current_site(),
            hint="nondiff_argnums=(0,)",
        )
    return known


class custom_vjp(_Custom):
    """A function with a custom derivative rule for reverse mode, like `jax.custom_vjp`.

    Parameters
    ----------
    f : a function of expressions, or of tuples, lists and dicts of them, that returns such
    name : the name of its node; by default that of the function
    nondiff_argnums : the positions of arguments that are not expressions and are passed through unchanged; the rules get them
        first
    check : whether the rule is compared with difference quotients of the function when it is first used with arguments of given
        types. False is for a rule that deliberately differs from the derivative, such as a straight-through estimator
    domain : (low, high), the interval from which the check draws its arguments; by default several intervals are tried

    `f.defvjp(fwd, bwd)` declares the rule: `fwd(*args)` returns (f(*args), residuals), and `bwd(residuals, adjoints)` returns
    the adjoint of each argument: a tuple, with the structures of the arguments and None for 0. Both are written with
    expressions, so the rule can be differentiated again for higher derivatives; forward mode transposes it. The value of the
    function is always that of f.

    Raises `DefinitionError` if the rule disagrees with difference quotients, naming the argument and both numbers;
    `GradientError` for a derivative with respect to an expression that f uses but that is not an argument; `ShapeError` and
    `DtypeError` for an adjoint that does not match its argument.

    >>> from graphc.autodiff.reverse import reverse
    >>> from graphc.ir.expr import symbol
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> from graphc.ops.elementary import exp, log1p
    >>> @custom_vjp
    ... def log1pexp(x):
    ...     return log1p(exp(x))
    >>> log1pexp.defvjp(lambda x: (log1pexp(x), x), lambda x, v: (v / (1 + exp(-x)),))
    >>> x = symbol("x")
    >>> y = log1pexp(x)
    >>> evaluate(reverse([y], None, [x]).adjoint(x), {"x": 1000.0})
    1.0
    """

    mode: Mode = "vjp"
    _rules: tuple[Callable[..., Any], Callable[..., Any]] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Declare the rule: fwd(*args) → (value, residuals), bwd(residuals, adjoints) → what goes back to each argument."""
        count = len(self._static)
        body_function("defvjp", fwd, least_arguments(self.f))
        body_function("defvjp", bwd, 2 + count)
        self._rules = fwd, bwd

    def _ready(self) -> bool:
        return self._rules is not None

    def _traced_rule(
        self, arguments: Arguments, static: list[Any], outputs: list[Expr], tree: Structure
    ) -> tuple[list[Expr], list[Expr]]:
        assert self._rules is not None
        fwd, bwd = self._rules
        pair = fwd(*self._merged(static, arguments.built(arguments.symbols)))
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ExpressionError(
                f"the forward rule of {self.name} returns (value, residuals), not {brief_text(pair, 60)}",
                site=current_site(),
            )
        bars = [
            symbol(f"\2bar{k}", x.shape, x.dtype) if is_float(x.dtype) else None
            for k, x in enumerate(outputs)
        ]
        adjoints = [
            zeros_like(x.astype("float64")) if b is None else b for b, x in zip(bars, outputs, strict=True)
        ]
        backs = bwd(*static, pair[1], unflatten(tree, iter(adjoints)))
        count = len(arguments.trees)
        if count == 1 and not (isinstance(backs, (tuple, list)) and len(backs) == 1):
            backs = (backs,)
        if not isinstance(backs, (tuple, list)) or len(backs) != count:
            raise ExpressionError(
                f"the rule of {self.name} returns what goes back to each of {count} arguments, not {brief_text(backs, 60)}",
                site=current_site(),
                hint="a tuple with an entry for each argument; None where nothing goes back",
            )
        given: list[Expr] = []
        for place, (back, own, shape) in enumerate(
            zip(backs, arguments.symbols, arguments.trees, strict=True)
        ):
            what = f"what the rule of {self.name} hands back to argument {place}"
            given += _backs(what, back, own, shape)
        return [b for b in bars if b is not None], given


def _backs(what: str, back: Any, own: Sequence[Expr], tree: Structure) -> list[Expr]:
    """What goes back to the leaves of an argument that are floats."""
    if back is None:
        return [zeros_like(x) for x in own if is_float(x.dtype)]
    leaves, structure = flatten(back)
    if structure != tree:
        raise ExpressionError(
            f"{what} is {brief_text(back, 60)}, of another structure than the argument",
            site=current_site(),
            hint="return the same tuples, lists and dicts; None for nothing at all",
        )
    return [fitted(what, leaf, x) for leaf, x in zip(leaves, own, strict=True) if is_float(x.dtype)]


class custom_jvp(_Custom):
    """A function with a custom derivative rule for forward mode, like `jax.custom_jvp`.

    The arguments are those of `custom_vjp`. `f.defjvp(rule)` declares the rule: `rule(primals, tangents)` returns (value,
    tangent), with the arguments and their tangents as tuples; the tangent of an argument that is not a float is None.
    `f.defjvps(…)` takes instead one function for each argument, (tangent, value, *arguments) → its part of the tangent, or None
    if that is 0. Reverse mode transposes the rule. Checks and errors are as for `custom_vjp`.

    >>> from graphc.autodiff.reverse import reverse
    >>> from graphc.ir.expr import symbol
    >>> from graphc.ops.elementary import sin, cos
    >>> @custom_jvp
    ... def wave(x):
    ...     return sin(x)
    >>> @wave.defjvp
    ... def _(primals, tangents):
    ...     return wave(primals[0]), cos(primals[0]) * tangents[0]
    >>> x = symbol("x")
    >>> reverse([wave(x)], None, [x]).adjoint(x)
    1*cos(x)
    """

    mode: Mode = "jvp"
    _rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the rule, (primals, tangents) → (value, change); returns it, to be used as a decorator."""
        body_function("defjvp", rule, 2 + len(self._static))
        self._rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Declare a rule for each argument: (tangent, value, *arguments) → its part of the change; None where that is 0."""
        if self._static:
            raise DefinitionError(f"{self.name} has nondiff_argnums: write defjvp", site=current_site())

        def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
            value = self(*primals)
            if len(rules) != len(primals):
                raise ArityError(
                    f"{self.name} has {len(primals)} arguments and {len(rules)} rules", site=current_site()
                )
            parts = [
                part(t, value, *primals) for part, t in zip(rules, tangents, strict=True) if part is not None
            ]
            return value, functools.reduce(_sum_of, parts) if parts else map_leaves(zeros_like, value)

        self.defjvp(rule)

    def _ready(self) -> bool:
        return self._rule is not None

    def _traced_rule(
        self, arguments: Arguments, static: list[Any], outputs: list[Expr], tree: Structure
    ) -> tuple[list[Expr], list[Expr]]:
        assert self._rule is not None
        tangents = [
            [
                symbol(f"\2dot{k}.{j}", x.shape, x.dtype) if is_float(x.dtype) else None
                for j, x in enumerate(each)
            ]
            for k, each in enumerate(arguments.symbols)
        ]
        primals = tuple(arguments.built(arguments.symbols))
        directions = tuple(arguments.built(tangents))  # type: ignore[arg-type]
        pair = self._rule(*static, primals, directions)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ExpressionError(
                f"the rule of {self.name} returns (value, change), not {brief_text(pair, 60)}",
                site=current_site(),
            )
        leaves, structure = flatten(pair[1])
        if structure != tree:
            raise ExpressionError(
                f"the change of {self.name} is {brief_text(pair[1], 60)}, of another structure than its value",
                site=current_site(),
            )
        what = f"the change of {self.name}"
        given = [fitted(what, leaves[k], outputs[k]) for k in floats(outputs)]
        return [t for each in tangents for t in each if t is not None], given


def _sum_of(one: Any, other: Any) -> Any:
    (left, tree), (right, _) = flatten(one), flatten(other)
    return unflatten(tree, iter([a + b for a, b in zip(left, right, strict=True)]))


__all__ = ["custom_jvp", "custom_vjp", "disagrees"]
