"""Settings shared by all tests: fixed seeds, no example database, a cache of their own, how many random graphs to try.

With `--budget SECONDS` the chosen tests sample themselves: first one case of each test function, then another of each, until the
time is up; what was left out is counted at the end. `--seed N` draws other cases. Both are for the stages of `.ci` whose
tests would take longer than a run may.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
settings.load_profile("fixed")

_cache = tempfile.TemporaryDirectory(prefix="graphc-tests-")
os.environ["GRAPHC_CACHE_DIR"] = _cache.name
"""No test shares a user's cache of machine code; processes that tests start inherit this one."""
os.environ.pop("GRAPHC_CACHE_SIZE", None)


QUICK = frozenset(
    """
    """.split()
)
"""What `pytest -m quick` runs, in under a minute: a test of each room, and the registry's smoke test."""

_deadline = pytest.StashKey[float]()
_left_out = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--graphs",
        type=int,
        default=1000,
        metavar="N",
        help="how many random graphs to hold against mpmath (1000; .ci/slow takes 4000)",
    )
    parser.addoption(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="sample the chosen tests until this time is up: one case of each function, then another of each, and so on",
    )
    parser.addoption("--seed", type=int, default=0, metavar="N", help="which cases --budget draws first (0)")


def in_rounds(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """One case of each test function, drawn by a seed, in the order of the files; then another of each; and so on."""
    cases: defaultdict[str, list[tuple[int, pytest.Item]]] = defaultdict(list)
    for place, item in enumerate(items):
        cases[item.nodeid.partition("[")[0]].append((place, item))
    rounds: list[tuple[int, int, pytest.Item]] = []
    for name, numbered in cases.items():
        random.Random(f"{seed} {name}").shuffle(numbered)
        rounds += [(number, place, item) for number, (place, item) in enumerate(numbered)]
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


def pytest_collection_finish(session: pytest.Session) -> None:
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
