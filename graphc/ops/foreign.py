"""Functions that graphc cannot look into, as nodes: a Python function that is called back, or one of machine code by its address.

A node knows the name, the types and the shapes; what runs is looked up by name in this process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphc.errors import DefinitionError, DtypeError, ExpressionError, GraphcError, InputError
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply
from graphc.ir.op import Attribute, Notation, Op, register_control
from graphc.ir.types import DTYPES, FIRST_KEPT, Shape, as_shape
from graphc.ops.closures import a_text, over_batch
from graphc.ops.control_attributes import a_count
from graphc.ops.support.vmap_rules import Batch, Batched


class Foreign(NamedTuple):
    """What a name runs.

    reference : arrays → the result, or a tuple of results; None where there is machine code alone
    address : of a C function, (pointers to the operands, pointers to the results, the lengths of all axes of the operands as
        int64) → nothing; 0 for none
    """

    reference: Callable[..., Any] | None
    address: int


KNOWN: dict[str, Foreign] = {}


def foreign(name: str) -> Foreign:
    """What a name runs; raises `DefinitionError` where nobody has said."""
    if name not in KNOWN:
        raise DefinitionError(
            f"the function {name!r} is not defined in this process",
            hint="call g.define_op before the graph that uses it is loaded",
        )
    return KNOWN[name]


def by_address(address: int, operands: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> None:
    """Calls a C function."""
    lengths = [length for x in operands for length in x.shape]
    types = [ctypes.c_void_p] * (len(operands) + len(results)) + [ctypes.c_int64] * len(lengths)
    call = ctypes.CFUNCTYPE(None, *types)(address)
    call(*(x.ctypes.data for x in (*operands, *results)), *lengths)


def values(
    operands: Sequence[Any], name: str, takes: Sequence[str], shapes: Sequence[Any], gives: Sequence[str]
) -> list[Any]:
    """All results at values of the operands; raises `InputError` for what the function raises or gives in another form."""
    known = foreign(name)
    arrays = [
        np.ascontiguousarray(x, dtype).reshape(np.shape(x)) for x, dtype in zip(operands, takes, strict=True)
    ]
    if known.reference is None:
        results = [np.zeros(shape, dtype) for shape, dtype in zip(shapes, gives, strict=True)]
        by_address(known.address, arrays, results)
        return [x[()] for x in results]
    try:
        given = known.reference(*[x[()] for x in arrays])
    except GraphcError:
        raise
    except Exception as error:
        raise InputError(f"{name}: its function raised {type(error).__name__}: {error}") from error
    listed = list(given) if len(shapes) != 1 and isinstance(given, (tuple, list)) else [given]
    if len(listed) != len(shapes):
        raise InputError(f"{name}: its function gives {len(listed)} results instead of {len(shapes)}")
    results = []
    for number, (value, shape, dtype) in enumerate(zip(listed, shapes, gives, strict=True)):
        array = np.asarray(value)
        if array.shape != tuple(shape) or not np.can_cast(array.dtype, dtype, "same_kind"):
            raise InputError(
                f"{name}: result {number} of its function is {array.dtype}{list(array.shape)} instead of {dtype}{list(shape)}"
            )
        results.append(array.astype(dtype)[()])
    return results


def _texts(name: str, value: Any, operands: tuple[Expr, ...]) -> tuple[str, ...]:
    if not isinstance(value, tuple) or not all(isinstance(x, str) and x in DTYPES for x in value):
        raise ExpressionError(f"{name} are names of types, and not {value!r:.60}")
    return value


def _shapes(name: str, value: Any, operands: tuple[Expr, ...]) -> tuple[Shape, ...]:
    if not isinstance(value, tuple) or not value:
        raise ExpressionError(f"{name} are shapes, and not {value!r:.60}")
    return tuple([as_shape(shape) for shape in value])


def _shape(
    operands: tuple[Expr, ...],
    name: str,
    takes: tuple[str, ...],
    shapes: tuple[Shape, ...],
    gives: tuple[str, ...],
    result: int,
) -> Shape:
    foreign(name)
    if len(shapes) != len(gives) or result >= len(shapes):
        raise ExpressionError(f"{name} has {len(gives)} results of {len(shapes)} shapes")
    if tuple([x.dtype.name for x in operands]) != takes:
        raise DtypeError(
            f"{name} takes {', '.join(takes)}, and gets {', '.join(x.dtype.name for x in operands)}",
            hint="what it runs is written for these types",
        )
    return shapes[result]


def _batch(b: Batch, operands: tuple[Expr, ...], batched: Batched, *attrs: Any) -> Expr:
    """A call for each element of the batch."""
    name, _, shapes, gives, result = attrs
    return over_batch(
        b, operands, batched, lambda inputs: foreign_results(name, inputs, shapes, gives)[result]
    )


def packed(shapes: Sequence[Shape]) -> tuple[list[Dim], Dim]:
    """Where results lie behind each other in one array, and how long that is."""
    places: list[Dim] = []
    total: Dim = 0
    for shape in shapes:
        places.append(total)
        total = dims.add(total, dims.product(shape))
    return places, total


def _packed_values(*args: Any) -> np.ndarray:
    """The results one after the other, as programs of loops keep them."""
    *operands, name, _, takes, shapes, gives = args
    return np.concatenate([np.ravel(x) for x in values(operands, name, takes, shapes, gives)])


FOREIGN = register_control(
    Op(
        name="foreign",
        params=("operands",),
        summary="A function that is called by its name.",
        notation=Notation("function"),
        types=FIRST_KEPT,
        variadic=True,
        shape=_shape,
        dtype=lambda operands, name, takes, shapes, gives, result: DTYPES[gives[result]],
        attributes=(
            Attribute("name", a_text),
            Attribute("takes", _texts),
            Attribute("shapes", _shapes),
            Attribute("gives", _texts),
            Attribute("result", a_count),
        ),
        reference=_packed_values,
        pullbacks=lambda *_: None,
        control=values,
        batch=_batch,
        category="control",
    )
)


def foreign_results(
    name: str, operands: Sequence[Expr], shapes: Sequence[Shape], gives: Sequence[str]
) -> list[Expr]:
    """The nodes of all results of a function of some operands."""
    takes = tuple([x.dtype.name for x in operands])
    attrs = (name, takes, tuple(map(as_shape, shapes)), tuple(gives))
    return [apply(FOREIGN, *operands, attrs=(*attrs, number)) for number in range(len(shapes))]


__all__ = ["FOREIGN", "KNOWN", "Foreign", "by_address", "foreign", "foreign_results", "packed", "values"]
