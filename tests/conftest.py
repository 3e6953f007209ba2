"""Settings shared by all tests: fixed seeds, no example database, a cache of their own, how many random graphs to try."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Where Python leaves assertions out (`python -O`), pytest executes those of test modules, and so of what these share.
_FOLDER = Path(__file__).parent
pytest.register_assert_rewrite(
    *(
        ".".join(("tests", *path.relative_to(_FOLDER).with_suffix("").parts))
        for path in _FOLDER.rglob("*.py")
        if not path.name.startswith(("test_", "conftest", "__"))
    )
)

settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
settings.load_profile("fixed")

_cache = tempfile.TemporaryDirectory(prefix="graphc-tests-")
os.environ["GRAPHC_CACHE_DIR"] = _cache.name
"""No test shares a user's cache of machine code; processes that tests start inherit this one."""
os.environ.pop("GRAPHC_CACHE_SIZE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--graphs",
        type=int,
        default=1000,
        metavar="N",
        help="how many random graphs to hold against mpmath (1000; .ci/slow takes 4000)",
    )


@pytest.fixture(scope="session")
def graphs(request: pytest.FixtureRequest) -> int:
    """The number of random graphs asked for on the command line."""
    return request.config.getoption("--graphs")
