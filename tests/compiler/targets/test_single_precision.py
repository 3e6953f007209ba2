"""Every operation on numbers in single precision: machine code against the NumPy interpreter, in double and single."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import graphc as g
from graphc.errors import GraphcError
from graphc.ir.expr import apply
from graphc.ir.op import all_ops

POINTS = 24


def drawn():
    """Operations that take float32 alone, each on symbols of its own, with points of their domains."""
    for op in all_ops():
        if op.user_defined or op.on_arrays or not op.arity or not op.domain or op.name == "astype":
            continue
        symbols = [g.symbol(f"{op.name}_{k}", dtype="float32") for k in range(op.arity)]
        try:
            node = apply(op, *symbols)
        except GraphcError:
            continue
        if node.dtype == np.float32:
            rng = np.random.default_rng(zlib.crc32(op.name.encode()))
            columns = [rng.uniform(low, high, POINTS).astype(np.float32) for low, high in op.domain]
            yield op, node, symbols, columns


MEMBERS = list(drawn())


def test_there_are_many():
    assert len(MEMBERS) > 90


@pytest.mark.parametrize("part", range(6))
@pytest.mark.sample(2)
def test_machine_code_in_single_precision(part):
    """Within the declared error of each, and a rounding of the arguments' slopes where formulas are rewritten for digits."""
    chosen = MEMBERS[part::6]
    symbols = [symbol for _, _, own, _ in chosen for symbol in own]
    values = [column for _, _, _, columns in chosen for column in columns]
    found = g.compile([node for _, node, _, _ in chosen], symbols)(*values)
    for (op, node, own, columns), result in zip(chosen, found, strict=True):
        assert result.dtype == np.float32, op.name
        at = {symbol.name: column for symbol, column in zip(own, columns, strict=True)}
        single = np.asarray(g.evaluate(node, at))
        wide = [g.symbol(symbol.name) for symbol in own]
        double = np.asarray(
            g.evaluate(apply(op, *wide), {name: column.astype(np.float64) for name, column in at.items()})
        )
        spacing = np.spacing(np.abs(double.astype(np.float32)).clip(np.finfo(np.float32).tiny))
        near = np.minimum(np.abs(result - single), np.abs(result - double)) / spacing
        bound = max(4.0, float(op.ulps))
        assert np.all((near <= bound) | (np.isnan(result) & np.isnan(single))), (
            op.name,
            float(np.nanmax(near)),
            bound,
        )
