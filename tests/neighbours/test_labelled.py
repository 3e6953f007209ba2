"""xarray, pandas and polars: labels in, labels out; and what their operators make of expressions."""

from __future__ import annotations

import operator as op

import numpy as np
import pytest

import graphc as g
from graphc.errors import ExpressionError, InputError, ShapeError


@pytest.fixture
def product():
    x, y = g.symbols("x y")
    return g.compile(x * y + 1, [x, y])


@pytest.fixture
def matrix():
    X, w = g.symbol("X", shape=("n", 3)), g.symbol("w", shape=(3,))
    return g.compile({"Xw": X @ w, "sum": g.sum(X), "XtX": X.T @ X, "two": X * 2}, [X, w])


class TestXarray:
    @property
    def xr(self):
        return pytest.importorskip("xarray")

    def array(self, *dims, **coords):
        lengths = {"t": 2, "s": 3}
        values = np.random.default_rng(len(dims)).normal(size=[lengths[dim] for dim in dims])
        return self.xr.DataArray(values, coords, dims, "a", {"units": "m"})

    @pytest.mark.parametrize("dims", [(("t", "s"), ("s",)), (("t",), ("s",)), (("t", "s"), ("s", "t"))])
    def test_broadcasting_by_name(self, product, dims):
        a, b = (self.array(*each) for each in dims)
        found = product(a, b)
        self.xr.testing.assert_allclose(found, a * b + 1, rtol=1e-15)
        assert found.attrs == {"units": "m"} and found.name == "a"

    def test_named_axes_take_the_dimension_of_their_name(self, matrix):
        a = self.array("s", "t", t=[10, 20]).rename(t="n")
        found = matrix(a, np.array([1.0, 2.0, 3.0]))
        np.testing.assert_allclose(found["Xw"], a.values.T @ [1.0, 2.0, 3.0], rtol=1e-15)
        assert found["Xw"].dims == ("n",) and found["Xw"].n.values.tolist() == [10, 20]
        assert found["sum"].dims == () and found["sum"].attrs == {"units": "m"}
        assert found["XtX"].dims == ("axis_0", "axis_1")
        by_place = matrix(self.array("t", "s"), np.ones(3))
        assert by_place["Xw"].dims == ("t",)

    def test_what_does_not_fit(self, product, matrix):
        a, b = self.array("t", t=[1, 2]), self.array("t", t=[2, 3])
        with pytest.raises(InputError, match="align"):
            product(a, b)
        with pytest.raises(ShapeError, match="dimensions"):
            matrix(a, np.ones(3))
        with pytest.raises(InputError, match=r"dataset\.map"):
            product(a.to_dataset(), 1.0)
        X, y = g.symbol("X", shape=("n", 3)), g.symbol("y", shape=("n",))
        with pytest.raises(InputError, match="rename"):
            g.compile(X.T @ y, [X, y])(self.array("t", "s"), self.array("t").rename(t="u"))

    @pytest.mark.parametrize(
        "write", [lambda a, x: a * x, lambda a, x: x * a, lambda a, x: a.to_dataset() + x]
    )
    def test_beside_expressions(self, write):
        with pytest.raises(ExpressionError, match="cannot be part of an expression"):
            write(self.array("t"), g.symbol("x"))


class TestPandas:
    @property
    def pd(self):
        return pytest.importorskip("pandas")

    def test_columns_keep_index_and_name(self, product):
        column = self.pd.Series([1.0, 2.0, 3.0], list("abc"), name="q")
        self.pd.testing.assert_series_equal(product(column, column), column * column + 1)
        self.pd.testing.assert_series_equal(product(column, np.arange(3.0)), column * np.arange(3.0) + 1)
        whole = self.pd.Series([1, 2, 3], list("abc"), dtype="Int64", name="q")
        self.pd.testing.assert_series_equal(product(whole, 2), column * 2 + 1)

    def test_tables_keep_their_labels(self, product, matrix):
        table = self.pd.DataFrame(np.eye(3) + 1, list("abc"), list("xyz"))
        self.pd.testing.assert_frame_equal(product(table, 2.0), table * 2 + 1)
        found = matrix(table, np.arange(3.0))
        self.pd.testing.assert_series_equal(found["Xw"], table @ np.arange(3.0))
        assert found["sum"] == 12.0 and type(found["sum"]) is float
        assert isinstance(found["XtX"], np.ndarray)

    def test_no_copy_of_a_column(self):
        from graphc.ir.foreign_arrays import as_numpy

        column = self.pd.Series(np.arange(10.0))
        assert as_numpy("x", column).ctypes.data == column.to_numpy().ctypes.data

    def test_what_does_not_fit(self, product):
        column = self.pd.Series([1.0, 2.0, 3.0], list("abc"))
        with pytest.raises(InputError, match="different labels"):
            product(column, self.pd.Series([1.0, 2.0, 3.0]))
        with pytest.raises(InputError, match="column beside a table"):
            product(column, column.to_frame())
        with pytest.raises(InputError, match="1 value is missing"):
            product(self.pd.Series([1, None], dtype="Int64"), 1.0)
        with pytest.raises(Exception, match="input 'x' got"):
            product(self.pd.Series(["a", "b"]), 1.0)

    @pytest.mark.parametrize(
        "write", [lambda a, x: a * x, lambda a, x: x * a, lambda a, x: a.to_frame() - x, lambda a, x: a < x]
    )
    def test_beside_expressions(self, write):
        with pytest.raises(ExpressionError, match="cannot be part of an expression"):
            write(self.pd.Series([1.0, 2.0]), g.symbol("x"))

    @pytest.mark.parametrize("operator", ["iadd", "isub", "imul", "itruediv", "ipow", "eq", "mod", "and_"])
    @pytest.mark.parametrize("table", [False, True])
    def test_in_place_beside_expressions(self, operator, table):
        column = self.pd.Series([True, False])
        with pytest.raises(ExpressionError, match="cannot be part of an expression"):
            getattr(op, operator)(column.to_frame() if table else column, g.symbol("x"))


class TestPolars:
    @property
    def pl(self):
        return pytest.importorskip("polars")

    def test_columns_and_tables(self, product, matrix):
        column = self.pl.Series("q", [1.0, 2.0, 3.0])
        assert product(column, 2).equals(self.pl.Series("q", [3.0, 5.0, 7.0]))
        table = self.pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [5.0, 6.0]})
        assert product(table, 2.0).equals(table * 2 + 1)
        found = matrix(table, np.array([1.0, 0.0, 1.0]))
        assert found["Xw"].to_list() == [6.0, 8.0] and found["sum"] == 21.0

    def test_no_copy_of_a_column(self):
        from graphc.ir.foreign_arrays import as_numpy

        column = self.pl.Series("q", np.arange(100.0))
        assert as_numpy("x", column).ctypes.data == column.to_numpy(allow_copy=False).ctypes.data

    def test_what_does_not_fit(self, product):
        with pytest.raises(InputError, match="1 value is missing"):
            product(self.pl.Series([1.0, None]), 1.0)
        with pytest.raises(InputError, match="collect"):
            product(self.pl.LazyFrame({"a": [1.0]}), 1.0)


def test_two_packages(product):
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    with pytest.raises(InputError, match="of pandas and of polars"):
        product(pd.Series([1.0]), pl.Series([1.0]))
