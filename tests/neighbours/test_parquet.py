"""Parquet files read as blocks: the same numbers as Dask reads, decoded into one array; what is no table of numbers as before."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g

pytest.importorskip("dask")
pyarrow = pytest.importorskip("pyarrow")
pandas = pytest.importorskip("pandas")
tables = pytest.importorskip("dask.dataframe")
pytest.importorskip("distributed")
from graphc.frontend.interop.parquet_blocks import ParquetBlock, decoding_parquet  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")

N, PARTS = 3000, 3
RNG = np.random.default_rng(6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of columns of several types, some with row groups and holes."""
    path = tmp_path_factory.mktemp("tables")
    columns = {
        "a": RNG.normal(size=N),
        "b": RNG.integers(-5, 5, N),
        "c": RNG.normal(size=N).astype("f4"),
        "d": RNG.random(N) < 0.5,
        "holes": np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(size=N)),
        "small": RNG.integers(0, 200, N).astype("u1"),
        "word": RNG.choice(["x", "y"], N),
        "when": pandas.date_range("2020", periods=N),
    }
    whole = pandas.DataFrame(columns)
    for number, part in enumerate(np.array_split(np.arange(N), PARTS)):
        whole.iloc[part].to_parquet(path / f"part{number}.parquet", row_group_size=300, index=False)
    return path


CHOICES = {
    "floats": ["a", "holes"],
    "other order": ["c", "a"],
    "whole numbers": ["b"],
    "whole numbers and floats": ["b", "a", "small"],
    "bytes": ["small"],
    "truth": ["d"],
    "a column": "a",
    "a column of whole numbers": "b",
}


def blocks_of(graph):
    """The `ParquetBlock`s in a graph, also in tasks that are fused."""
    found = []
    for node in graph.values():
        if isinstance(getattr(node, "func", None), ParquetBlock):
            found.append(node.func)
        if getattr(node, "args", ()) and isinstance(node.args[0], dict):
            found += blocks_of({k: v for k, v in node.args[0].items() if hasattr(v, "args")})
    return found


READERS = {
    "files": {},
    "row groups": {"split_row_groups": True},
    "two row groups": {"split_row_groups": 2},
    "all files in one": {"aggregate_files": True, "split_row_groups": "adaptive"},
    "Arrow's file system": {"filesystem": "arrow"},
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_blocks_are_what_dask_reads(folder, choice, reader):
    lazy = tables.read_parquet(str(folder), **reader)[choice].to_dask_array()
    found = blocks_of(decoding_parquet(lazy.__dask_graph__()))
    expected = [block.compute() for block in lazy.to_delayed().ravel()]
    assert len(found) == len(expected) > 0
    for block, other in zip(found, expected, strict=True):
        array = block._decoded()
        assert array is not None and array.dtype == other.dtype and array.shape == other.shape
        np.testing.assert_array_equal(array, other)


LEFT = {
    "rows chosen by their values": lambda path: tables.read_parquet(path, filters=[("b", ">", 0)])[
        ["a", "b"]
    ],
    "words": lambda path: tables.read_parquet(path)[["a", "word"]],
    "times": lambda path: tables.read_parquet(path)["when"],
    "Arrow's types": lambda path: tables.read_parquet(path, dtype_backend="pyarrow")[["a"]],
    "something computed": lambda path: tables.read_parquet(path)[["a", "b"]] + 1,
}


@pytest.mark.parametrize("table", LEFT.values(), ids=LEFT)
def test_everything_else_is_left_to_dask(folder, table):
    assert not blocks_of(decoding_parquet(table(str(folder)).to_dask_array().__dask_graph__()))


def test_folders_that_hold_a_column(tmp_path):
    frame = pandas.DataFrame({"a": RNG.normal(size=60), "b": RNG.integers(0, 3, 60)})
    frame.to_parquet(tmp_path, partition_cols=["b"])
    for reader in ({}, {"filesystem": "arrow"}):
        lazy = tables.read_parquet(str(tmp_path), **reader)[["a"]].to_dask_array().compute_chunk_sizes()
        X = g.symbol("X", shape=("n", 1))
        found = g.compile(g.sum(X**2), [X])(lazy).compute()
        np.testing.assert_allclose(found, (frame["a"] ** 2).sum(), rtol=1e-13)


def test_whole_numbers_with_holes_are_read_as_dask_reads_them(tmp_path):
    """A hole makes pandas' column one of floats, in this block alone."""
    for number, values in enumerate([[1, 2, 3], [4, None, 6]]):
        column = pyarrow.array(values, pyarrow.int64())
        pyarrow.parquet.write_table(pyarrow.table({"a": column}), tmp_path / f"part{number}.parquet")
    lazy = tables.read_parquet(str(tmp_path), filesystem="arrow")["a"].to_dask_array()
    (block,) = blocks_of(decoding_parquet(lazy.__dask_graph__()))
    assert block._decoded() is None
    np.testing.assert_array_equal(np.sort(block()), [1, 2, 3, 4, 6, np.nan])


def test_a_function_of_files(folder):
    X, y = g.symbol("X", shape=("n", 2)), g.symbol("y", shape=("n",), dtype="int64")
    f = g.compile([g.sum(X * y[:, None], axis=0), g.mean(X)], [X, y])
    table = tables.read_parquet(str(folder))
    rows, weights = (table[each].to_dask_array().compute_chunk_sizes() for each in (["c", "a"], "b"))
    sums, mean = f(rows, weights)
    frame = table.compute()
    np.testing.assert_allclose(
        sums.compute(), (frame[["c", "a"]].mul(frame["b"], axis=0)).sum().to_numpy(), rtol=1e-11
    )
    np.testing.assert_allclose(mean.compute(), frame[["c", "a"]].to_numpy().mean(), rtol=1e-11)
