"""Functions as loops wait for them, with branches in place of choices: the same bits as otherwise."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from graphc.compiler.engine.jit import build
from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.loop_builder import INTRINSICS
from tests.benchmarks.exact import DTYPES

pytestmark = pytest.mark.skipif(not libm.has_fma(), reason="this processor calls the C library")

FUNCTIONS = [(name, bits) for name, bits in libm.names() if libm.arity(name, bits) == 1]

ALL = """
define void @all{k}(ptr %x, ptr %y, i64 %n) {{
entry:
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %j, %next ]
  %p = getelementptr {kind}, ptr %x, i64 %i
  %v = load {kind}, ptr %p
  %r = call {kind} @{symbol}({kind} %v)
  %q = getelementptr {kind}, ptr %y, i64 %i
  store {kind} %r, ptr %q
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %next, label %end
end:
  ret void
}}
"""


def numbers(bits: int) -> np.ndarray:
    """Of all patterns, of ordinary size, and around where exponentials overflow and become subnormal."""
    rng, dtype = np.random.default_rng(bits), DTYPES[bits]
    whole = np.dtype(f"int{bits}")
    patterns = rng.integers(np.iinfo(whole).min, np.iinfo(whole).max, 20_000, dtype=whole).view(dtype)
    ends = (-745.2, -708.4, 709.8, 1024.0, -1022.0, -1075.0, -103.9, -87.3, 88.7, 128.0, -126.0, -149.0)
    near = np.concatenate([end + rng.uniform(-2, 2, 2_000) for end in ends])
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0])
    with np.errstate(all="ignore"):
        return np.concatenate([patterns, near, 3 * rng.normal(size=20_000), special]).astype(dtype)


@pytest.mark.sample(6)
@pytest.mark.parametrize(("name", "bits"), FUNCTIONS, ids=[f"{name}-f{bits}" for name, bits in FUNCTIONS])
def test_same_bits(name, bits):
    kind = "double" if bits == 64 else "float"
    far = libm.limit(name, bits)  # beyond it such functions go another way, which is chosen around them
    own = [libm.definition(name, bits, True, far is not None, waits) for waits in (False, True)]
    parts = [INTRINSICS, *sorted({text for each in own for text in each.declarations})]
    for k, each in enumerate(own):
        parts += [each.text, ALL.format(k=k, kind=kind, symbol=each.symbol)]
    attributes = "attributes #0 = { nounwind willreturn memory(none) }\n"
    library = build("\n".join([*parts, attributes]), ("all0", "all1"))
    given, results = numbers(bits), []
    if far is not None:
        given = np.ascontiguousarray(given[np.abs(given) < far])
    for k in (0, 1):
        result = np.empty_like(given)
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        call(library.pointer(f"all{k}"))(given.ctypes.data, result.ctypes.data, len(given))
        results.append(result)
    one, other = results
    same = (one.view(f"int{bits}") == other.view(f"int{bits}")) | (np.isnan(one) & np.isnan(other))
    assert same.all(), given[~same][:5]
