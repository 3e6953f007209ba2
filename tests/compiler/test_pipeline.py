"""The list of passes: its names, what it prints, and what it verifies after each of them."""

from __future__ import annotations

import ast
import inspect
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import graphc as g
from graphc.cli import main
from graphc.compiler import dump, pipeline
from graphc.compiler.engine import checks
from graphc.compiler.pipeline import NAMES, PASSES, Options, Unit
from graphc.compiler.schedule.fusion import Group, LibraryCall
from graphc.errors import InputError, InternalError
from graphc.ir.expr import Expr, constant, symbol
from graphc.ir.graph import Dag

AT_IMPORT = os.environ.get("GRAPHC_CHECK")
ROOT = Path(pipeline.__file__).resolve().parents[2]


# --- the list --------------------------------------------------------------------------------------------


def test_names_and_order() -> None:
    assert tuple(each.name for each in PASSES) == NAMES and len(set(NAMES)) == len(NAMES)
    assert (*pipeline.REWRITING, *pipeline.LOWERING) == PASSES
    assert all(each.does and each.works_on in ("all", "elements", "arrays") for each in PASSES)


def test_the_page_lists_the_passes() -> None:
    text = (ROOT / "docs" / "dev" / "pipeline.md").read_text(encoding="utf-8")
    listed = re.findall(r"^(\w+) +(all|elements|arrays) +(\S.*)$", text, re.MULTILINE)
    assert listed == [(each.name, each.works_on, each.does) for each in PASSES]


def functions() -> Iterator[tuple[str, str]]:
    """(pass, the name of the function of graphc that does it), by what pipeline.py imports and calls."""
    tree = ast.parse(inspect.getsource(pipeline))
    called = {
        node.name: {
            call.func.id
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        }
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    for each in PASSES:
        step = each.run.__name__
        yield (
            each.name,
            each.name if step == "run" else next(iter(called[step] & {each.name, "SplitBody"}), ""),
        )


@pytest.mark.parametrize(("name", "function"), list(functions()))
def test_a_pass_is_a_public_function_in_a_file_of_its_own(name: str, function: str) -> None:
    made = getattr(pipeline, function, None) or getattr(pipeline.tables, function)
    path = Path(inspect.getfile(made))
    assert path.is_relative_to(ROOT / "graphc") and path != Path(pipeline.__file__)
    assert inspect.getdoc(made) and not function.startswith("_")
    others = {other for known, other in functions() if known != name}
    assert function not in others


# --- what is printed -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHC_DUMP", raising=False)
    monkeypatch.setenv("GRAPHC_CHECK", "passes")


def elements() -> Expr:
    x, y = g.symbols("x y")
    return g.log(g.exp(x) + 1) * (y / 1)


def arrays() -> Expr:
    A, W = g.symbol("A", shape=("n", 4)), g.symbol("W", shape=(4, 3))
    return g.cumsum(g.softmax(g.tanh(A @ W), axis=1), axis=0)


KINDS: dict[str, Callable[[], Expr]] = {"elements": elements, "arrays": arrays}


def headings(text: str) -> list[str]:
    return [line[4:] for line in text.splitlines() if line.startswith("--- ")]


def expected(kind: str) -> list[str]:
    return [each.name for each in PASSES if each.works_on in ("all", kind)]


@pytest.mark.parametrize("kind", KINDS)
def test_dump_prints_what_changed_and_nothing_else(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    g.compile(KINDS[kind]())
    assert capfd.readouterr() == ("", "")
    for name in NAMES:
        g.compile(KINDS[kind](), dump=name)
        out, err = capfd.readouterr()
        assert not out and headings(err) == [name] * (name in expected(kind))
        assert err.startswith(f"--- {name}\n") or not err
    g.compile(KINDS[kind](), dump="all")
    assert headings(capfd.readouterr().err) == expected(kind)


def test_a_pass_that_does_nothing_says_so_and_one_that_does_shows_its_result(
    capfd: pytest.CaptureFixture[str],
) -> None:
    g.compile(elements(), dump=["matmul_order", "normal_form"])
    err = capfd.readouterr().err
    assert "--- matmul_order\n(nothing changed)\n" in err
    assert "--- normal_form\n(x: float64(), y: float64())\n" in err and "softplus" in err and "/1" not in err


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lift_constants", "constant"),
        ("decompose", "exp(A @ W"),
        ("materialize", "k0: float64(n, 3) = A @ W"),
        ("fuse", "kernel over rows (n,)"),
        ("plan_memory", "workspace, steps"),
        ("write_kernels", "define"),
    ],
)
def test_each_pass_over_arrays_shows_what_it_makes(
    name: str, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    A, W = g.symbol("A", shape=("n", 4)), g.symbol("W", shape=(4, 3))
    product = g.exp(A @ W)
    g.compile(g.cumsum(product / g.sum(product, axis=1, keepdims=True) + np.arange(3.0), axis=0), dump=name)
    err = capfd.readouterr().err
    assert headings(err) == [name] and shown in err and "(nothing changed)" not in err


@pytest.mark.parametrize("kind", KINDS)
def test_the_environment_asks_too_and_with_a_warm_cache_as_well(
    kind: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = KINDS[kind]()
    g.compile(formula)
    monkeypatch.setenv("GRAPHC_DUMP", "normal_form, lift_constants")
    g.compile(formula)
    assert headings(capfd.readouterr().err) == ["normal_form", "lift_constants"]
    g.compile(formula, dump="lift_constants")  # once, whoever asks
    assert headings(capfd.readouterr().err) == ["normal_form", "lift_constants"]


NONE = ["fusion", "normal_form,fusion", ["fuse", 3], 3, "Fuse", ("all", "none")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wanted", NONE, ids=map(repr, NONE))
def test_what_is_no_pass_is_refused_with_the_list(kind: str, wanted: object) -> None:
    with pytest.raises(InputError, match="is no pass of the compiler") as caught:
        g.compile(KINDS[kind](), dump=wanted)  # type: ignore[arg-type]
    assert ", ".join(NAMES) in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_so_it_is_in_the_environment(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_DUMP", "fusion")
    with pytest.raises(InputError, match="'fusion' is no pass of the compiler") as caught:
        g.compile(KINDS[kind]())
    assert ", ".join(NAMES) in str(caught.value)


def test_names_are_read_in_any_form() -> None:
    assert (
        dump.named("fuse, decompose", NAMES)
        == dump.named(["fuse", "decompose"], NAMES)
        == ("fuse", "decompose")
    )
    assert dump.named("all", NAMES) == dump.named(("fuse", "all"), NAMES) == NAMES
    assert dump.named("", NAMES) == dump.named([], NAMES) == ()


@pytest.mark.parametrize(("formula", "kind"), [("log(exp(x) + 1)*y", "elements")])
def test_show_passes_of_the_command(formula: str, kind: str) -> None:
    result = CliRunner().invoke(main, ["compile", formula, "--show", "passes"])
    assert result.exit_code == 0, result.output
    wanted = [each for each in PASSES if each.works_on in ("all", kind)]
    assert headings(result.stdout) == [f"{each.name}: {each.does}" for each in wanted]
    first, *_ = result.stdout.partition("---")
    assert first.startswith("(x: float64(), y: float64())\n") and "log" in first
    assert not result.stderr


def test_text_of_a_program() -> None:
    wanted = [each for each in PASSES if each.works_on in ("all", "arrays")]
    text = pipeline.told(pipeline.unit_of(g.Graph(arrays()), Options(rewrite="stable")))
    assert headings(text) == [f"{each.name}: {each.does}" for each in wanted] and "\0" not in text


# --- what is asked for -----------------------------------------------------------------------------------


def test_checks_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, memory, passes in (
        ("", False, False), ("memory", True, False), ("passes", False, True), (" memory , passes,", True, True)
    ):  # fmt: skip
        monkeypatch.setenv("GRAPHC_CHECK", text)
        assert (checks.asked("memory"), checks.asked("passes")) == (memory, passes)
    monkeypatch.delenv("GRAPHC_CHECK")
    assert not checks.asked("passes")
    for text in ("all", "memory,pases", "Passes"):
        monkeypatch.setenv("GRAPHC_CHECK", text)
        with pytest.raises(InputError, match="GRAPHC_CHECK is") as caught:
            checks.asked("passes")
        assert "'memory' or 'passes'" in str(caught.value)


def test_the_whole_suite_asks_and_so_do_processes_of_it() -> None:
    assert AT_IMPORT == "passes"
    code = "from graphc.compiler.engine import checks; print(checks.asked('passes'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"


# --- what is verified ------------------------------------------------------------------------------------


def breaks(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Unit], Unit]) -> None:
    """Makes a pass of the list do something else to what it makes."""

    def run(unit: Unit) -> Unit:
        return change(PASSES[NAMES.index(name)].run(unit))

    broken = [each._replace(run=run) if each.name == name else each for each in PASSES]
    monkeypatch.setattr(pipeline, "PASSES", tuple(broken))
    monkeypatch.setattr(pipeline, "REWRITING", tuple(broken[:3]))
    monkeypatch.setattr(pipeline, "LOWERING", tuple(broken[3:]))


def refused(
    monkeypatch: pytest.MonkeyPatch, name: str, formula: object, what: str, change: Callable[[Unit], Unit]
) -> None:
    """A formula is compiled, and not where a pass is broken: the error names the pass."""
    g.compile(formula, cache=False)
    breaks(monkeypatch, name, change)
    with pytest.raises(InternalError, match=f"internal error: after the pass {name}, .*{what}"):
        g.compile(formula, cache=False)


STRAY = symbol("stray", (3,), np.dtype("float64"))

GRAPHS = [
    each.name
    for each in PASSES
    if each.name in ("derivatives", "normal_form", "matmul_order", "compensate", "lift_constants")
]


def leaves(graph: Dag) -> list[Expr]:
    return [graph.exprs[output] for output in graph.outputs]


def with_outputs(unit: Unit, outputs: list[Expr], inputs: list[Expr] | None = None) -> Unit:
    return replace(unit, graph=Dag(outputs, list(unit.graph.symbols) if inputs is None else inputs))


def in_float32(unit: Unit) -> Unit:
    return with_outputs(unit, [g.astype(leaf, "float32") for leaf in leaves(unit.graph)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_a_result_that_is_dropped(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    formula = [KINDS[kind](), KINDS[kind]() + 1]
    refused(
        monkeypatch,
        name,
        formula,
        "another number of results",
        lambda unit: with_outputs(unit, leaves(unit.graph)[:-1]),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_a_result_of_another_type(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(
        monkeypatch, name, KINDS[kind](), "a result is float32 and was float64",
        in_float32,
    )  # fmt: skip


@pytest.mark.parametrize("name", [*GRAPHS, "decompose"])
def test_a_result_of_another_shape(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(
        monkeypatch, name, arrays(), "a result has shape",
        lambda unit: with_outputs(unit, [leaf[1:] for leaf in leaves(unit.graph)]),
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_in_another_order(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(
        monkeypatch, "normal_form", KINDS[kind](), "the inputs are others",
        lambda unit: with_outputs(unit, leaves(unit.graph), list(unit.graph.symbols[::-1])),
    )  # fmt: skip


def test_a_graph_that_does_not_hold_together(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(unit: Unit) -> Unit:
        graph = Dag([g.sin(leaf) for leaf in leaves(unit.graph)], list(unit.graph.symbols))
        graph.__dict__["operands"] = (*graph.operands[:-1], (0,))
        return replace(unit, graph=graph)

    refused(monkeypatch, "compensate", elements(), "the graph does not hold together", change)


# operations element by element


def test_an_operation_without_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(unit: Unit) -> Unit:
        assert unit.kernel is not None
        outputs = [g.sum(g.stack([leaf, leaf])) for leaf in leaves(unit.graph)]
        return replace(unit, kernel=replace(unit.kernel, dag=Dag(outputs, list(unit.graph.symbols))))

    refused(monkeypatch, "expand_ops", elements(), "operation on whole arrays", change)


def test_a_kernel_of_other_results(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(unit: Unit) -> Unit:
        assert unit.kernel is not None
        return replace(unit, kernel=replace(unit.kernel, outputs=(np.dtype("float32"),)))

    refused(monkeypatch, "expand_ops", elements(), "the kernel gives other results", change)


def test_pieces_in_another_order_or_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed(unit: Unit) -> Unit:
        assert unit.body is not None
        unit.body.parts[0][0].reverse()
        return unit

    def missing(unit: Unit) -> Unit:
        assert unit.body is not None
        unit.body.parts[0][0].pop()
        return unit

    refused(monkeypatch, "split_body", elements(), "comes before its operand", mixed)
    monkeypatch.undo()
    monkeypatch.setenv("GRAPHC_CHECK", "passes")
    refused(monkeypatch, "split_body", elements(), "is in no piece", missing)


# programs over arrays


def without(unit: Unit, name: str) -> Unit:
    return replace(unit, materialized=frozenset(node for node in unit.materialized if node.op.name != name))


@pytest.mark.parametrize(("operation", "what"), [("cumsum", "a result is not kept"), ("matmul", "not kept")])
def test_a_node_that_is_not_materialized(operation: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(monkeypatch, "materialize", arrays(), what, lambda unit: without(unit, operation))


def test_what_a_library_call_reads_is_not_materialized(monkeypatch: pytest.MonkeyPatch) -> None:
    x = g.symbol("x", shape=("n", 3))
    refused(
        monkeypatch, "materialize", g.sort(x * 2 + 1, axis=0), "what a library call reads is not kept",
        lambda unit: without(unit, "add"),
    )  # fmt: skip


def test_what_is_kept_is_of_another_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    stray = symbol("stray", ("n", 3), np.dtype("float64"))
    for node, what in ((g.exp(stray), "no node of the graph"), (constant(1.0, np.dtype("float64")), "")):
        monkeypatch.undo()
        monkeypatch.setenv("GRAPHC_CHECK", "passes")
        refused(
            monkeypatch, "materialize", arrays(), what,
            lambda unit, node=node: replace(unit, materialized=unit.materialized | {node}),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a step reads what is made later", lambda steps: steps[::-1]),
        ("a kept node is never made", lambda steps: steps[:-1]),
        ("a node is made twice", lambda steps: (*steps, steps[-1])),
        ("a node is made that is not kept", lambda steps: (*steps, LibraryCall(g.cumsum(STRAY)))),
    ],
)  # fmt: skip
def test_steps_that_are_wrong(
    what: str, change: Callable[[tuple], tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(
        monkeypatch,
        "fuse",
        arrays(),
        what,
        lambda unit: replace(unit, steps=tuple(change(tuple(unit.steps)))),
    )


def test_loops_of_a_kernel_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(unit: Unit) -> Unit:
        (group,) = [step for step in unit.steps if isinstance(step, Group) and len(step.stages) > 1]
        group.stages.reverse()
        return unit

    refused(monkeypatch, "fuse", arrays(), "a step reads what is made later", change)


def test_a_life_that_ends_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(unit: Unit) -> Unit:
        assert unit.plan is not None
        lives = {node: (first, first) for node, (first, last) in unit.plan.lives.items()}
        return replace(unit, plan=replace(unit.plan, lives=lives))

    refused(monkeypatch, "plan_memory", arrays(), "not a node's any more", change)
    monkeypatch.undo()
    monkeypatch.setenv("GRAPHC_CHECK", "passes")
    x = g.symbol("x", shape=("n",))
    e = g.exp(x)
    refused(
        monkeypatch,
        "plan_memory",
        g.sum(e) + g.sum(g.sort(e)) + g.sum(e * g.max(g.cumsum(e))),
        "any more",
        change,
    )


def test_a_node_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(unit: Unit) -> Unit:
        assert unit.plan is not None
        return replace(unit, plan=replace(unit.plan, lives={}))

    refused(monkeypatch, "plan_memory", arrays(), "memory", change)


def test_an_input_that_is_read_after_it_was_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    W, x = g.symbol("W", shape=("n",)), g.symbol("x", shape=("n",))

    def compiled() -> None:
        g.compile(g.sort(W), [W, x], updates={W: W + x}, cache=False)

    def change(unit: Unit) -> Unit:
        plan = unit.plan
        assert plan is not None
        (node,) = [node for number, node in plan.updates] or [*plan.inplace]
        number = next(
            n for n, step in enumerate(plan.steps) if isinstance(step, Group) and node in step.nodes
        )
        steps = [plan.steps[number], *plan.steps[:number], *plan.steps[number + 1 :]]
        return replace(unit, plan=replace(plan, steps=steps, inplace={node: plan.dag.symbols[0]}, updates=[]))

    compiled()
    breaks(monkeypatch, "plan_memory", change)
    with pytest.raises(InternalError, match=r"after the pass plan_memory, .*any more"):
        compiled()


def test_a_kernel_that_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(unit: Unit) -> Unit:
        assert unit.plan is not None
        return replace(unit, plan=replace(unit.plan, exported=()))

    refused(monkeypatch, "write_kernels", arrays(), "does not export", change)


def test_nobody_looks_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHC_CHECK")
    breaks(monkeypatch, "normal_form", in_float32)
    assert abs(g.compile(elements(), cache=False)(0.0, 1.0) - math.log(2)) < 1e-6


@pytest.mark.parametrize("formula", [
    lambda X: X[0] - X[0] + 0 * X[1],
    lambda X: g.sum(X * 0),
    lambda X: g.reshape(X, (2,)),
    lambda X: g.permute_dims(X, (0,)),
    lambda X: g.flip(g.flip(X, 0), 0),
])  # fmt: skip
def test_a_program_stays_one_where_rewriting_leaves_no_operation_on_arrays(formula):
    X = g.symbol("X", shape=2)
    values = np.array([1.5, -2.0])
    expr = formula(X)
    np.testing.assert_array_equal(g.compile(expr, [X])(values), g.evaluate(expr, {"X": values}))
