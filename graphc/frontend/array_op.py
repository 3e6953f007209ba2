"""Operations of the user's own beyond formulas: arrays, several results, derivatives of their own, bodies in other languages.

Each is a function that writes a call (`ops/closures.py`) of what the operation is: expressions, or a function that graphc cannot
look into (`ops/foreign.py`). Its derivative is written with expressions, and may use other such operations.
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphc.autodiff.calls  # noqa: F401  it declares the derivatives of calls
from graphc.autodiff.control import derivative_rules
from graphc.errors import ArityError, DefinitionError, GradientError, GraphcError, ShapeError, brief_text
from graphc.frontend.own_derivatives import custom_jvp, custom_vjp
from graphc.ir.dims import evaluate, names_of
from graphc.ir.expr import Expr, cast, constant, current_site, symbol
from graphc.ir.types import DTYPES, Shape, as_dtype, as_shape, broadcast_shapes, format_shape, is_float
from graphc.ops.foreign import FOREIGN, KNOWN, Foreign, by_address, foreign_results
from graphc.util.arguments import function, listed

TRIED = ((), (3,), (3, 3))
"""Shapes of operands that a derivative is held against differences with when it is declared; the first that fit."""


MOST_RESULTS = 1000


class ArrayOp:
    """What a user declared: called with expressions it gives the node, or a tuple of nodes, of the results."""

    name: str
    params: tuple[str, ...]
    outputs: int
    formula: Callable[..., Any] | None
    shape: Callable[..., Any] | None

    def __init__(
        self,
        name: str,
        names: tuple[str, ...],
        *,
        formula: Callable[..., Any] | None,
        reference: Callable[..., Any] | None,
        address: Any,
        takes: Any,
        shape: Callable[..., Any] | None,
        dtype: Any,
        outputs: int,
        vjp: Callable[..., Any] | None,
        jvp: Callable[..., Any] | None,
        check: bool,
        domain: tuple[float, float] | None,
    ) -> None:
        self.name, self.params, self.outputs = name, names, outputs
        self.formula, self.shape = formula, shape
        self.gives: tuple[str, ...] = _types(name, dtype, outputs)
        self.takes: list[Shape] | None = None if takes is None else _taken(name, takes, names)
        if address is not None and self.takes is None:
            raise DefinitionError(
                f"{name} has machine code, and nobody says what shapes it reads",
                site=current_site(),
                hint='say how many axes each operand has, as in takes=[("n",), ("n", 3), ()]',
            )
        if formula is None:
            self.foreign: Foreign = Foreign(reference, _address(name, address, self.gives))
        self.__signature__: inspect.Signature = inspect.Signature(
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        )
        self._call: Callable[..., Any] = self._body
        if vjp is not None or jvp is not None:
            self._call = self._with_rule(vjp, jvp, check, domain)
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            args = self.__signature__.bind(*args, **kwargs).args
        except TypeError as error:
            raise ArityError(f"{self.name}: {error}", site=current_site()) from None
        operands = [self._operand(arg) for arg in args]
        for place, (x, wanted) in enumerate(zip(operands, self.takes or (), strict=False)):
            fits = x.ndim == len(wanted) and all(
                own == length for own, length in zip(x.shape, wanted, strict=True) if isinstance(length, int)
            )
            if not fits:
                raise ShapeError(
                    f"{self.name}: {self.params[place]} has shape {format_shape(x.shape)}; takes= says {format_shape(wanted)}",
                    node=repr(x),
                    site=current_site(),
                )
        self._same_lengths(operands)
        return self._call(*operands)

    def _same_lengths(self, operands: Sequence[Expr]) -> None:
        """Raises where a length that `takes` names is one thing in one operand and another in another."""
        lengths: dict[str, Any] = {}
        for x, wanted in zip(operands, self.takes or (), strict=False):
            for own, length in zip(x.shape, wanted, strict=True):
                if not isinstance(length, int) and lengths.setdefault(str(length), own) != own:
                    raise ShapeError(
                        f"{self.name}: the length {length} is {lengths[str(length)]} in one operand and {own} in {x!r:.40}",
                        site=current_site(),
                    )

    def _operand(self, arg: Any) -> Expr:
        x = constant(arg)
        wanted = self.gives[0]
        if self.formula is not None or x.dtype.name == wanted or x.dtype.kind == "b":
            return x
        return cast(x, wanted) if is_float(x.dtype) or not isinstance(arg, Expr) else x

    def _body(self, *operands: Any) -> Any:
        if self.formula is not None:
            given = self.formula(*operands)
            listed = list(given) if isinstance(given, (tuple, list)) else [given]
            if len(listed) != self.outputs:
                raise DefinitionError(
                    f"{self.name} gives {len(listed)} results, and outputs={self.outputs} was said",
                    site=current_site(),
                )
            results = [constant(x) for x in listed]
        else:
            results = foreign_results(self.name, operands, self._shapes(operands), self.gives)
        return results[0] if self.outputs == 1 else tuple(results)

    def _shapes(self, operands: Sequence[Expr]) -> list[Shape]:
        if self.shape is None:
            return [broadcast_shapes([x.shape for x in operands])] * self.outputs
        said = self.shape(*[x.shape for x in operands])
        shapes = [said] if self.outputs == 1 else said
        if not isinstance(shapes, (tuple, list)) or len(shapes) != self.outputs:
            raise ShapeError(
                f"shape of {self.name} gives {brief_text(said, 60)}, and {self.outputs} shapes are wanted",
                site=current_site(),
            )
        return [as_shape(shape) for shape in shapes]

    def _with_rule(
        self, vjp: Callable[..., Any] | None, jvp: Callable[..., Any] | None, check: bool, domain: Any
    ) -> Callable[..., Any]:
        """The body with a rule: vjp(adjoints, results, *operands), or jvp(tangents, results, *operands)."""

        def body(*operands: Any) -> Any:
            return self._body(*operands)

        body.__signature__ = self.__signature__  # type: ignore[attr-defined]
        if vjp is not None:
            ruled = custom_vjp(body, name=self.name, check=check, domain=domain)
            ruled.defvjp(
                lambda *operands: (None, (self._plain(operands), operands)),
                lambda kept, bars: vjp(bars, kept[0], *kept[1]),
            )
            return ruled
        assert jvp is not None
        along = custom_jvp(body, name=self.name, check=check, domain=domain)
        along.defjvp(lambda primals, tangents: (None, jvp(tangents, self._plain(primals), *primals)))
        return along

    def _plain(self, operands: Sequence[Any]) -> Any:
        """The results that a rule may use; with derivatives of their own again."""
        return self._call(*operands)

    def try_out(self) -> None:
        """Writes a node of some operands, whereby a derivative is held against differences; the first shapes that fit."""
        for shapes in self.tried():
            try:
                self(
                    *[
                        symbol(f"{n}\0tried", s, self.gives[0])
                        for n, s in zip(self.params, shapes, strict=True)
                    ]
                )
                return
            except DefinitionError:
                raise
            except GraphcError:
                continue

    def tried(self) -> list[Sequence[Shape]]:
        """Shapes of operands to be tried, one after the other."""
        return [[shape] * len(self.params) for shape in TRIED] if self.takes is None else [self.takes]


def _taken(name: str, takes: Any, names: tuple[str, ...]) -> list[Shape]:
    if not isinstance(takes, (tuple, list)) or len(takes) != len(names):
        raise DefinitionError(
            f"takes= of {name} is {brief_text(takes, 60)}, and shapes of {len(names)} operands are wanted",
            site=current_site(),
            hint='write takes=[("n",), ("n", 3), ()]',
        )
    return [as_shape(shape) for shape in takes]


def _types(name: str, dtype: Any, outputs: int) -> tuple[str, ...]:
    alone = isinstance(dtype, (str, np.dtype, type))
    names = [
        as_dtype(t).name for t in ([dtype] * outputs if alone else listed("dtype", dtype, 'dtype="float64"'))
    ]
    if len(names) != outputs or any(n not in DTYPES for n in names):
        raise DefinitionError(
            f"the types of {name} are {brief_text(dtype, 60)}",
            site=current_site(),
            hint=f'write dtype="float64", or a list of {outputs}, one for each result',
        )
    return tuple(names)


def _address(name: str, address: Any, gives: tuple[str, ...]) -> int:
    """The address of a C function: a number, or that of a Numba cfunc or of a function of ctypes."""
    if address is None:
        return 0
    number = getattr(address, "address", address)
    if not isinstance(number, int) and hasattr(address, "argtypes"):
        number = ctypes.cast(address, ctypes.c_void_p).value
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise DefinitionError(
            f"the address of {name} is {brief_text(address, 60)}",
            site=current_site(),
            hint="give the number of an address, a numba.cfunc, or a function of ctypes",
        )
    if len(set(gives)) != 1:
        raise DefinitionError(
            f"{name} has machine code, and its results are of several types: {', '.join(gives)}",
            site=current_site(),
            hint="results of machine code are all of one type",
        )
    return number


def define_array_op(
    name: str,
    params: Any,
    formula: Any,
    own: tuple[Any, ...],
    dtype: Any,
    outputs: Any,
    check: bool,
    domain: tuple[float, float] | None,
) -> ArrayOp:
    """Declares an operation; the same declaration again changes nothing.

    own : what `define_op` takes as vjp, jvp, reference, address, takes and shape
    """
    kinds = ("vjp", "jvp", "reference", "address", "takes", "shape")
    fields: dict[str, Any] = dict(zip(kinds, own, strict=True))
    fields |= {"formula": formula, "dtype": dtype, "outputs": outputs, "check": check, "domain": domain}
    reference, address = fields["reference"], fields["address"]
    if type(outputs) is not int or not 0 < outputs <= MOST_RESULTS:
        raise DefinitionError(
            f"{name} has {brief_text(outputs, 40)} results", site=current_site(), hint="outputs=2"
        )
    if formula is not None and not callable(formula):
        raise DefinitionError(
            f"the formula of {name!r} is {brief_text(formula, 60)}, and a function of expressions is wanted",
            site=current_site(),
            hint="write lambda x: …",
        )
    if sum(x is not None for x in (formula, reference if address is None else address)) != 1:
        raise DefinitionError(
            f"{name} has {'a formula and a body' if formula is not None else 'neither a formula nor a body'}",
            site=current_site(),
            hint="give a function of expressions, or reference=, a function of NumPy arrays, or address=",
        )
    if fields["vjp"] is not None and fields["jvp"] is not None:
        raise DefinitionError(f"{name} has vjp= and jvp=", site=current_site(), hint="each serves both modes")
    names = _names(name, params, formula or reference)
    for what in ("formula", "reference"):
        if fields[what] is not None:
            function(f"{what} of {name}", fields[what], len(names), "a function of the operands")
    for what in ("vjp", "jvp"):
        if fields[what] is not None:
            function(
                f"{what}= of {name}",
                fields[what],
                2 + len(names),
                f"write {what}=lambda v, out, {', '.join(names)}: …",
            )
    if fields["shape"] is not None:
        function(f"shape= of {name}", fields["shape"], len(names), "a function of the operands' shapes")
    op = ArrayOp(name, names, **fields)
    if formula is None:
        known = KNOWN.get(name)
        if known is not None and known != op.foreign:
            raise DefinitionError(
                f"operation {name!r} is already defined", site=current_site(), hint="choose another name"
            )
        KNOWN[name] = op.foreign
    try:
        op.try_out()
        if formula is None and op.foreign.reference is not None and op.foreign.address:
            _hold_reference(op)
    except BaseException:
        if formula is None:
            KNOWN.pop(name, None)
        raise
    return op


def _hold_reference(op: ArrayOp) -> None:
    """Raises where machine code and reference differ on operands that are drawn."""
    rng = np.random.default_rng(9)
    for wanted_shapes in op.tried():
        named = dict.fromkeys(name for shape in wanted_shapes for dim in shape for name in names_of(dim))
        lengths = {name: 3 + number for number, name in enumerate(named)}
        known = [[evaluate(dim, lengths) for dim in shape] for shape in wanted_shapes]
        operands = [np.asarray(rng.uniform(0.25, 4.0, shape), op.gives[0]) for shape in known]
        try:
            shapes = op._shapes([constant(x) for x in operands])
            assert op.foreign.reference is not None
            wanted = op.foreign.reference(*[x[()] for x in operands])
        except Exception:  # shapes that it is not for
            continue
        given = [np.zeros([int(n) for n in s], t) for s, t in zip(shapes, op.gives, strict=True)]  # type: ignore[call-overload]
        by_address(op.foreign.address, operands, given)
        listed = [wanted] if op.outputs == 1 else list(wanted)
        for number, (one, other) in enumerate(zip(given, listed, strict=True)):
            close = np.allclose(one, other, rtol=1e-3 if op.gives[0] == "float32" else 1e-8, equal_nan=True)
            if not close:
                raise DefinitionError(
                    f"result {number} of {op.name} by its machine code is {one.ravel()[:1]} where its reference gives "
                    f"{np.ravel(other)[:1]}, of operands of shapes {known}",
                    site=current_site(),
                )
        return


def _names(name: str, params: Any, of: Any) -> tuple[str, ...]:
    if params is not None:
        text = isinstance(params, str)
        names = params.replace(",", " ").split() if text else listed("params", params, 'params="x y"')
    elif isinstance(of, np.ufunc):
        names = [f"x{k}" if of.nin > 1 else "x" for k in range(of.nin)]
    else:
        try:
            names = list(inspect.signature(of).parameters) if of is not None else []
        except (TypeError, ValueError):
            names = []
    if (
        not names
        or not all(isinstance(n, str) and n.isidentifier() for n in names)
        or len(set(names)) != len(names)
    ):
        raise DefinitionError(
            f"the operands of {name!r} are {brief_text(names, 60)}",
            site=current_site(),
            hint='name them, as in params="x y"',
        )
    return tuple(names)


def _refuse(node: Expr, *_: Any) -> Any:
    raise GradientError(
        f"{node.attrs[0]} has no derivative: what it runs cannot be looked into",
        node=repr(node),
        site=node.site,
        hint="declare one, as vjp= or jvp= of g.define_op; g.stop_gradient of its operands says that there is none",
    )


derivative_rules(FOREIGN, _refuse, _refuse)

__all__ = ["ArrayOp", "define_array_op"]
