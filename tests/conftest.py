"""Settings shared by all tests: fixed seeds, no example database, a cache of their own, how many random graphs to try.

With `--budget SECONDS` the chosen tests sample themselves: first one case of each test function, then another of each, until the
time is up; what was left out is counted at the end. `--seed N` draws other cases. Both are for the stages of `.ci` whose
tests would take longer than a run may.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies

# Where Python leaves assertions out (`python -O`), pytest executes those of test modules, and so of what these share.
_FOLDER = Path(__file__).parent
pytest.register_assert_rewrite(
    *(
        ".".join(("tests", *path.relative_to(_FOLDER).with_suffix("").parts))
        for path in _FOLDER.rglob("*.py")
        if not path.name.startswith(("test_", "conftest", "__"))
    )
)

from tests import counts  # noqa: E402  behind what its assertions need

settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
settings.load_profile("fixed")

_cache = tempfile.TemporaryDirectory(prefix="graphc-tests-")
os.environ["GRAPHC_CACHE_DIR"] = _cache.name
"""No test shares a user's cache of machine code; processes that tests start inherit this one."""
os.environ.pop("GRAPHC_CACHE_SIZE", None)
os.environ.pop("GRAPHC_DUMP", None)
os.environ["GRAPHC_CHECK"] = "passes"
"""The compiler verifies its unit after each pass, here and in the processes that tests start."""


QUICK = frozenset(
    """
    autodiff/test_forward.py::test_the_derivative_along_a_direction_is_the_sum_of_partials
    autodiff/test_jacobian.py::test_axes_with_names
    autodiff/test_reverse.py::test_golden_numbers_of_the_lecture
    viz/player/test_page.py::test_every_number_of_the_lecture_stands_in_the_file
    viz/writers/test_dot.py::test_golden
    viz/test_view_graph.py::test_the_lectures_log_sigmoid
    frontend/interop/test_sympy.py::test_to_sympy_means_the_same
    compiler/targets/test_emit.py::test_the_body_of_the_log_sigmoid_reads_as_written
    compiler/runtime/test_loop_dispatch.py::test_dimensions_in_blocks
    compiler/schedule/test_row_blocks.py::test_one_compiled_network_for_batches_of_every_size
    compiler/targets/test_processor.py::test_a_name_stands_for_what_llvm_makes_of_it
    compiler/runtime/test_array_function.py::test_sums_are_accurate
    nn/test_layers.py::test_affine_of_the_lecture
    nn/test_model.py::test_lenet
    ops/test_arrays.py::test_values_are_numpys
    ops/test_registry.py::test_declaration_is_complete
    ops/test_registry.py::test_reference_against_the_formula
    rewrite/test_rewrites.py::test_levels
    rewrite/rules/test_rules.py::test_it_fires
    analysis/test_accuracy.py::test_what_is_exact_has_no_error
    analysis/test_array_accuracy.py::test_results_that_are_arrays
    analysis/test_gradcheck.py::test_the_lecture_s_loss
    test_cli.py::test_eval
    compiler/runtime/test_elementwise_function.py::test_the_lecture_numbers
    ir/test_graph.py::test_numbering_is_topological_and_inputs_come_first
    frontend/test_define_op.py::test_one_formula_gives_value_derivative_and_machine_code
    viz/test_diagnose.py::test_what_happens_and_why
    ir/test_dims.py::test_arithmetic_is_that_of_integers
    ir/test_formatting.py::test_numbers
    test_docs.py::test_ci_runs_the_two_commands_of_the_readme
    interpret/test_scalarize.py::test_scalars_stay_exact
    test_errors.py::test_all_four_parts_are_printed
    interpret/test_numpy_eval.py::test_arrays_broadcast_as_numpys
    viz/test_explain.py::test_the_lectures_log_sigmoid
    ir/test_expr.py::test_equal_nodes_are_one_object
    util/test_files.py::test_what_the_disk_refuses_is_named_and_the_old_file_stays
    util/test_fork_safety.py::test_locks_taken_in_any_order_stop_no_fork
    api/test_graph.py::test_forward_and_backward_of_the_lecture
    test_house.py::test_imports_point_down
    ir/test_inputs.py::test_named_dimensions_agree
    ir/test_op.py::test_lookup_and_find
    interpret/test_vector_packing.py::test_the_vector_is_the_inputs_one_after_the_other
    frontend/test_parse.py::test_text_builds_what_python_would
    interpret/test_mpmath_eval.py::test_where_floats_would_fail
    ir/test_printer.py::test_text
    ir/test_scopes.py::test_blocks_nest_and_outside_is_none
    api/test_serialize.py::test_an_expression_comes_back_as_the_same_object
    ir/test_attribute_text.py::test_text
    frontend/test_trace.py::test_the_formula_is_what_was_written
    util/test_pytree.py::test_round_trip
    ir/test_types.py::test_broadcasting_is_numpys
    frontend/test_vmap.py::test_structures_in_and_out
    train/test_loop.py::test_it_learns
    train/test_optimisers.py::test_halving
    """.split()
)
"""What `pytest -m quick` runs, in under a minute: a test of each room, and the registry's smoke test."""

_deadline = pytest.StashKey[float]()
_left_out = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--graphs",
        type=int,
        default=100,
        metavar="N",
        help="how many random graphs to hold against mpmath (100; .ci/slow takes 4000)",
    )
    parser.addoption(
        "--examples",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="how many times as many examples of the properties that take long (1; .ci/slow takes 4)",
    )
    parser.addoption(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="sample the chosen tests until this time is up: one case of each function, then another of each, and so on",
    )
    parser.addoption("--seed", type=int, default=0, metavar="N", help="which cases --budget draws first (0)")


def pytest_configure(config: pytest.Config) -> None:
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a shell starts what runs in the background so; tests send it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    counts.factor = config.getoption("--examples")


def in_rounds(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """One case of each test function, drawn by a seed, in the order of the files; then another of each; and so on. The tests
    marked as long come last."""
    cases: defaultdict[str, list[tuple[int, pytest.Item]]] = defaultdict(list)
    for place, item in enumerate(items):
        cases[item.nodeid.partition("[")[0]].append((place, item))
    rounds: list[tuple[int, int, pytest.Item]] = []
    for name, numbered in cases.items():
        random.Random(f"{seed} {name}").shuffle(numbered)
        rounds += [
            (len(items) if item.get_closest_marker("long") else number, place, item)
            for number, (place, item) in enumerate(numbered)
        ]
    return [item for _, _, item in sorted(rounds, key=lambda entry: entry[:2])]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sampled: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sample"):
            sampled[item.nodeid.partition("[")[0]].append(item)
    for name, cases in sampled.items():
        (every,) = cases[0].get_closest_marker("sample").args
        for item in random.Random(name).sample(cases, len(cases) - -(-len(cases) // every)):
            item.add_marker("slow")
    for item in items:
        if item.nodeid.removeprefix("tests/").partition("[")[0] in QUICK:
            item.add_marker("quick")


@settings(max_examples=1)
@given(strategies.none())
def _an_example(_: None) -> None: ...


def pytest_collection_finish(session: pytest.Session) -> None:
    # Two million objects of collected tests stay to the end: a look through them costs a second, and many tests ask for one.
    # Hypothesis looks for who holds the generators of random numbers at its first example, and finds nobody who is frozen.
    _an_example()
    gc.collect()
    gc.freeze()
    budget = session.config.getoption("--budget")
    if budget is not None:
        session.items[:] = in_rounds(session.items, session.config.getoption("--seed"))
        session.config.stash[_deadline] = time.monotonic() + budget
        session.config.stash[_left_out] = 0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """True: the test is done with, as the time is up."""
    if time.monotonic() < item.config.stash.get(_deadline, float("inf")):
        return None
    item.config.stash[_left_out] += 1
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = config.stash.get(_left_out, None)
    if left_out is not None:
        seed = config.getoption("--seed")
        terminalreporter.write_line(
            f"--budget {config.getoption('--budget'):g} --seed {seed}: {left_out} tests were left out"
        )


@pytest.fixture(scope="session")
def graphs(request: pytest.FixtureRequest) -> int:
    """The number of random graphs asked for on the command line."""
    return request.config.getoption("--graphs")
