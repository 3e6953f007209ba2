"""What a machine refuses the cache, and what processes at once do to it: full disks, limits, permissions, no file left.

The oracle is the value: whatever is refused, a function answers what its formula is, and nothing half written stays.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from graphc.compiler.engine.object_cache import unseal
from tests.compiler.engine.test_cache_attacks import NOBODY, ROOT, root

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid"), reason="links, owners and limits as POSIX has them"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "code"


CALL = """
    import os, resource, signal, sys, gc
    import graphc as g
    x = g.symbol("x")
    g.compile(x + 1.0, [x], cache=False)(1.0)  # all is loaded
    {before}
    f = g.compile(x*x + 0.53125, [x])
    print(f(3.0), f._libraries[-1].cached)
"""


def refused(before: str, place: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CALL).format(before=before)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "GRAPHC_CACHE_DIR": str(place)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    value, answer = done.stdout.strip().split(" ", 1)
    assert value == "9.53125"
    return answer


@pytest.mark.parametrize(
    "size",
    [pytest.param(size, marks=[] if size == 72 else pytest.mark.slow) for size in (0, 1, 8, 72, 500, 1500)],
)
def test_files_may_not_grow(size: int, place: Path):
    """As on a disk that is full in the midst of a file."""
    answer = refused(f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))", place)
    assert answer.startswith("miss") and "not kept" in answer
    for file in place.iterdir():  # of what was loaded before; nothing half written is left
        assert unseal(bytes.fromhex(file.name.split(".")[0]), file.read_bytes()), file


def test_no_file_may_be_opened(place: Path):
    answer = refused(
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
        place,
    )
    assert "not kept" in answer or "cannot be" in answer


@root
@pytest.mark.parametrize(
    "mode", [0o555, pytest.param(0, marks=pytest.mark.slow), pytest.param(0o500, marks=pytest.mark.slow)]
)
def test_a_directory_that_may_not_be_written_to(mode: int, place: Path, tmp_path: Path):
    """As another user, for whom permissions hold."""
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/") and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    place.chmod(mode)
    answer = refused(f"os.setgid({NOBODY}); os.setuid({NOBODY})", place)
    assert "cannot be" in answer and list(place.iterdir()) == []


@root
@pytest.mark.slow
@pytest.mark.parametrize(
    "options", ["size=4k", "size=64k,nr_inodes=1", "size=64k,nr_inodes=2", "ro", "noexec"]
)
def test_a_small_disk(options: str, place: Path):
    place.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        answer = refused("", place)
        assert answer.startswith("miss") and ("not kept" in answer) == (options != "noexec"), answer
        assert not any(file.suffix == ".tmp" for file in place.iterdir())
        if options == "noexec":
            assert refused("", place) == "hit"
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_processes_that_clear_trim_and_damage_while_others_compile(place: Path):
    """Three processes at once on the same few entries, one that destroys what it finds: all values are right."""
    worker = """
        import gc, os, random, sys
        import graphc as g
        from graphc.compiler.engine import object_cache
        x, draw = g.symbol("x"), random.Random(int(sys.argv[1]))
        for _ in range(150):
            k = draw.randrange(5)
            f = g.compile(x*x + (k + 0.59375), [x])
            assert f(3.0) == 9.59375 + k
            del f
            gc.collect()
            store = object_cache.store()
            if sys.argv[1] == "0":
                for entry in store.entries():
                    try:
                        chance = draw.randrange(6)
                        if chance == 0:
                            os.truncate(entry.path, draw.randrange(entry.size))
                        elif chance == 1:
                            entry.path.unlink()
                        elif chance == 2:
                            with open(entry.path, "r+b") as file:
                                file.seek(draw.randrange(entry.size))
                                file.write(b"\\xff" * 9)
                    except FileNotFoundError:
                        pass
                if draw.randrange(10) == 0:
                    store.clear()
    """
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(worker), str(number)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "GRAPHC_CACHE_DIR": str(place)},
            stderr=subprocess.PIPE, text=True,
        )
        for number in range(3)
    ]  # fmt: skip
    for process in started:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
