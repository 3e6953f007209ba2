"""SciPy's sparse arrays as operands of products: the formula is cut where such an input is multiplied, and SciPy multiplies.

What stands between the products is compiled, level by level: the dense operands that no product is needed for, then those that
need the first products, and so on up to the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.frontend.interop.callee import Callee
from graphc.ir.expr import Expr, substitute, symbol, walk
from graphc.ir.foreign_arrays import is_sparse, package_of
from graphc.ir.inputs import as_value, bind_dimensions, check_shape
from graphc.util.records import dataclass


@dataclass(frozen=True)
class SparseProduct:
    """One product with a sparse input.

    node : the product; stand_in : the symbol that is put in its place
    number : of the sparse input; turned : whether it is transposed; left : whether it is the left operand
    other : the dense operand, in terms of stand-ins
    """

    node: Expr
    stand_in: Expr
    number: int
    turned: bool
    left: bool
    other: Expr


@dataclass(frozen=True)
class SparsePlan:
    """A formula cut at its products with sparse inputs: levels of products, each with the function of their dense operands."""

    levels: list[tuple[list[SparseProduct], Callee]]
    last: Callee
    dense: list[int]


def call(callee: Callee, values: Sequence[Any]) -> Any:
    """A function of which some arguments are sparse: NumPy's arrays.

    Raises `InputError` where all elements of a sparse argument are needed, with the node.
    """
    if callee.writes:
        raise InputError("a function that updates its inputs takes no sparse arrays", hint="pass x.toarray()")
    numbers = tuple([number for number, value in enumerate(values) if is_sparse(value)])
    for number in numbers:
        each = callee.symbols[number]
        check_shape(each, values[number].shape)
        as_value(
            symbol(each.name, (), each.dtype), np.zeros((), values[number].dtype)
        )  # whether the type fits
    arrays = [
        value.astype(each.dtype) if number in numbers else as_value(each, value)
        for number, (each, value) in enumerate(zip(callee.symbols, values, strict=True))
    ]
    bind_dimensions(callee.symbols, arrays)
    plan = callee.memory.get(("sparse", numbers))
    if plan is None:
        plan = callee.memory["sparse", numbers] = _plan(callee, numbers)
    given = [arrays[number] for number in plan.dense]
    for products, operands in plan.levels:
        others = operands.arrays(given)
        given = given + [
            _product(product, arrays[product.number], other)
            for product, other in zip(products, others, strict=True)
        ]
    return callee.put_together([array if array.ndim else array.item() for array in plan.last.arrays(given)])


def _product(product: SparseProduct, matrix: Any, other: np.ndarray) -> np.ndarray:
    matrix = matrix.T if product.turned else matrix
    return np.asarray(matrix @ other if product.left else other @ matrix)


def _plan(callee: Callee, numbers: Sequence[int]) -> SparsePlan:
    views: dict[Expr, tuple[int, bool]] = {callee.symbols[number]: (number, False) for number in numbers}
    products: list[SparseProduct] = []
    stand_ins: dict[Expr, Any] = {}
    for node in walk(callee.outputs):
        places = [place for place, operand in enumerate(node.operands) if operand in views]
        if not places:
            continue
        number, turned = views[node.operands[places[0]]]
        if (
            node.op.name == "permute_dims"
        ):  # of the two axes of a matrix: the only arrangement that changes anything
            views[node] = (number, turned != (node.attrs[0] in (None, (1, 0), [1, 0])))
        elif node.op.name == "matmul" and len(places) == 1 and node.operands[1 - places[0]].ndim <= 2:
            other = substitute(node.operands[1 - places[0]], stand_ins)
            stand_in = symbol(f"product {len(products)}", node.shape, node.dtype)
            stand_ins[node] = stand_in
            products.append(SparseProduct(node, stand_in, number, turned, places[0] == 0, other))
        else:
            name = callee.symbols[number].name
            raise InputError(
                f"input {name!r} got a sparse array, and {node.op.name} needs all of its elements",
                node=repr(node),
                site=node.site,
                hint=f"pass {name}.toarray(); sparse arrays are taken where they are only multiplied, as in {name} @ x",
            )
    dense = [number for number in range(len(callee.symbols)) if number not in numbers]
    known = [callee.symbols[number] for number in dense]
    levels: list[tuple[list[SparseProduct], Callee]] = []
    left = products
    while left:
        ready = [each for each in left if set(walk([each.other])).isdisjoint(x.stand_in for x in left)]
        levels.append((ready, callee.compiled([each.other for each in ready], known)))
        known = known + [each.stand_in for each in ready]
        left = [each for each in left if each not in ready]
    outputs = [substitute(output, stand_ins) for output in callee.outputs]
    for output in callee.outputs:
        if output in views:
            raise InputError("a sparse input is a result itself", site=output.site, hint="pass x.toarray()")
    return SparsePlan(levels, callee.compiled(outputs, known), dense)


def is_operand(value: Any) -> bool:
    """Whether a value is sparse, or anything that may stand beside one."""
    return is_sparse(value) or package_of(value) in ("builtins", "numpy")


__all__ = ["SparsePlan", "SparseProduct", "call", "is_operand"]
