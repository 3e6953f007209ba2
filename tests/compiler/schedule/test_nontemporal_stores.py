"""Results past the caches: the same bits, whatever the lengths, where rows begin and how many threads there are."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import thread_pool
from graphc.compiler.schedule import nontemporal_stores


def program(dtype):
    x, s = g.symbol("x", shape=("n", "k", 300), dtype=dtype), g.symbol("s", shape=(300,), dtype=dtype)
    centred = x - g.mean(x, axis=2, keepdims=True)
    scaled = centred / g.sqrt(g.mean(centred * centred, axis=2, keepdims=True) + 1) * s
    # a result that the kernel reads again itself, one that it does not, and a sum over rows
    return [x, s], [centred, scaled, g.sum(scaled, axis=(0, 1))]


def by_numpy(x, s):
    x, s = x.astype(np.float64), s.astype(np.float64)
    centred = x - x.mean(2, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(2, keepdims=True) + 1) * s
    return centred, scaled, scaled.sum((0, 1))


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lengths", [(1, 1), (3, 5), (40, 7)])
def test_the_same_bits_either_way(lengths, dtype, monkeypatch):
    symbols, outputs = program(dtype)
    rng = np.random.default_rng(sum(lengths))
    x, s = rng.normal(size=(*lengths, 300)).astype(dtype), rng.normal(size=300).astype(dtype)
    found = []
    for limit in (0.0, float("inf")):
        monkeypatch.setattr(nontemporal_stores, "large", lambda limit=limit: limit)
        for threads in (1, 2):
            monkeypatch.setattr(thread_pool, "_chosen", threads)
            f = g.compile(outputs, symbols, parallel=True, cache=False)
            # memory that begins anywhere, with a border that must stay as it is
            size = x.size
            places = [np.full(size + 40, 7, dtype) for _ in range(2)]
            inside = [place[k : k + size].reshape(x.shape) for k, place in zip((3, 18), places, strict=True)]
            total = np.empty(300, dtype)
            f(x, s, out=[*inside, total])
            for k, place in zip((3, 18), places, strict=True):
                assert np.all(place[:k] == 7) and np.all(place[k + size :] == 7)
            found.append([*(part.copy() for part in inside), total])
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))
    for one, wanted in zip(found[0], by_numpy(x, s), strict=True):
        bound = 60 * np.finfo(dtype).eps * max(1, np.abs(wanted).max()) * np.sqrt(np.prod(lengths))
        assert np.abs(one - wanted).max() <= bound


def test_what_is_small_or_not_known_stays_in_cache():
    symbols, outputs = program("float64")
    f = g.compile(outputs, symbols, cache=False, parallel=True)
    f(np.ones((3, 4, 300)), np.ones(300))
    words = f._plan.words  # type: ignore[attr-defined]
    ready = next(iter(f._known.values())).pool[0]  # type: ignore[attr-defined]
    assert [ready._frame[place] for key, place in words.items() if key[0] == "streams"] == [0]
    y = g.symbol("y", shape=("n", "m"))
    open_rows = g.compile(g.softmax(y, axis=1), [y], cache=False)
    assert not any(
        isinstance(key, tuple) and key[0] == "streams"
        for key in open_rows._plan.words  # type: ignore[attr-defined]
    )
