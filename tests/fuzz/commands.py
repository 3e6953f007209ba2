"""Hostile command lines: every command and option of `graphc` with wrong formulas, files, numbers, points and words.

    python -m tests.fuzz commands --count 20000 --seed 0 [--seconds S] [--processes N]

The mass runs in this process; every so many a process of its own, whose streams are pipes, full devices or closed. What must
hold: the exit code is 0, 1 (one message that begins with "Error:") or 2 (which shows the usage), no traceback, nothing that a
file held is lost or half replaced, nothing is left beside it. Case N depends on the seed and N alone (`--first N --count 1`).
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from graphc.cli import main as graphc
from tests.fuzz.hostile import Hang, bound_memory, bounded
from tests.fuzz.hostile_texts import formula

SECONDS = 60.0
OLD = b"what stood here before"
LONGEST = 6_000
"""Characters that a message may have, whatever was typed."""

FORMULAS = (
    "x", "1/3", "x*w + b", "log(1/(exp(-(x*w + b)) + 1))", "-x**2", "x > 2", "sin(x)/x", "-", "--", "", " ", "(",
    "x(", "x[", "inf",
    "nan", "1e999", "__import__('os')", "x;y", "x\n+1", "é", "х + 1", "x\u2028", "\U0001f600",
    "x" * 100_000, "(" * 5_000, "x+" * 3_000 + "x",
    "9" * 5_000, "0x10", "x**10**10", "x if y else z", "lambda: 0", "-o", "--at", "--help", "eval", "\x00", "\udcff", "x\x1b[31m",
)  # fmt: skip
POINTS = (
    "x=2,w=-3,b=6", "x=2", "x=[1,2]", "x=[]", "x=nan,w=inf,b=-inf", "x=1e308,w=1e308,b=0", "x", "x=", "=2",
    "x=2,x=3", "x=1e999", "",
    ",", "x=0x10", "x=２", "2=x", "x=" + "9" * 400, "x=[[1]]", "x=[1", "é=1", "x=True", "x=__import__('os')", "\x00",
    "\udcff=1", "x=1," * 2_000,
    "y=3", "x=-0", "x=[" + "1," * 5_000 + "1]",
)  # fmt: skip
NUMBERS = (
    "0", "1", "3", "17", "-1", "1.5", "nan", "inf", "", " ", "1e3", "10" * 30, "-" + "9" * 30, "9" * 5_000, "0x10",
    "٣", "x", "--", "\x00",
)  # fmt: skip
RANGES = (
    "x=-50,50",
    "x=1,1",
    "x=2,1",
    "x=nan,1",
    "x=-inf,inf",
    "x=1",
    "x",
    "=1,2",
    "x=1,2,3",
    "y=0,1",
    "x=0,1e-320",
    "",
    "\udcff=1,2",
)
TEXTS = ("x", "x,w", "x,,w", "", ",", "nothing", "x" * 50_000, "é", "\x00", "\udcff", "-", "b")
OUTPUTS = (
    "-", "new{s}", "old{s}", "folder", "folder/new{s}", "missing/new{s}", "old{s}/new{s}", "link{s}", "loop{s}",
    "dangling{s}", "/dev/null",
    "/dev/full", "full{s}", "", ".", "a\x00b{s}", "\udcff{s}", "é{s}", "n" * 300 + "{s}", "new", "{s}", "new.exe",
    "-o", "pipe{s}", " {s}", "../{s}",
)  # fmt: skip
SUFFIXES = (".svg", ".dot", ".html", ".tex", ".png", ".pdf", ".gv", ".txt", ".SVG")
STDIN = (
    b"", b"x + 1\n", b"\xff\xfe", b"\x00", b"x*w+b", b"(" * 10_000, b"x" * (1 << 20), b"x" * ((1 << 20) + 1), b"\n" * 100, b"-",
)  # fmt: skip


def prepare(folder: Path) -> None:
    """The files that the outputs name."""
    (folder / "folder").mkdir(exist_ok=True)
    for suffix in SUFFIXES:
        old = folder / f"old{suffix}"
        if not old.exists() or old.read_bytes() != OLD:
            old.write_bytes(OLD)
        for name, target in (
            ("link", f"old{suffix}"),
            ("loop", f"loop{suffix}"),
            ("full", "/dev/full"),
            ("dangling", f"nowhere{suffix}"),
        ):
            link = folder / f"{name}{suffix}"
            if not link.is_symlink():
                link.unlink(missing_ok=True)  # a loop of links that was written to is a file
                link.symlink_to(target)
        if not (folder / f"pipe{suffix}").exists():
            os.mkfifo(folder / f"pipe{suffix}")


def command_line(rng: random.Random) -> list[str]:
    """A command with some of its options, each now and then twice, and now and then words that belong nowhere."""
    path, command = _command(rng)
    words = [*path]
    if command.name in ("bench", "accuracy"):  # not to measure for minutes
        words += ["--size", "0", "--rounds", "1"] if command.name == "bench" else ["--samples", "2"]
    rest: list[list[str]] = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            rest.append([rng.choice(FORMULAS[:7]) if rng.random() < 0.5 else _any_formula(rng)])
        elif rng.random() < 0.4:
            rest += [_option(rng, parameter)] * rng.choice((1, 1, 1, 1, 2))
    if rng.random() < 0.06:
        rest.append([rng.choice((*FORMULAS, "--nothing", "-z", "--at", "--help", "--version", "-o"))])
    if rng.random() < 0.04 and rest:
        rest.pop(rng.randrange(len(rest)))
    rng.shuffle(rest)
    return [*words, *(word for group in rest for word in group)]


def _any_formula(rng: random.Random) -> str:
    return rng.choice(FORMULAS) if rng.random() < 0.6 else formula(rng)


def _command(rng: random.Random) -> tuple[list[str], click.Command]:
    while True:
        path, command = [], graphc
        while isinstance(command, click.Group):
            context = click.Context(command)
            name = rng.choice(command.list_commands(context))
            path.append(name)
            found = command.get_command(context, name)
            assert found is not None
            command = found
        if command.name != "demo" or rng.random() < 0.02:  # it measures
            return path, command


def _option(rng: random.Random, parameter: click.Parameter) -> list[str]:
    name = rng.choice(parameter.opts)
    if getattr(parameter, "is_flag", False):
        return [name]
    return [f"{name}={_value(rng, parameter)}"] if rng.random() < 0.1 else [name, _value(rng, parameter)]


def _value(rng: random.Random, parameter: click.Parameter) -> str:
    if isinstance(parameter.type, click.Choice) and rng.random() < 0.8:
        return rng.choice(list(parameter.type.choices))
    if parameter.name in ("output", "plot"):
        return rng.choice(OUTPUTS).format(s=rng.choice(SUFFIXES))
    if parameter.name == "at":
        return rng.choice(POINTS[:3] if rng.random() < 0.4 else POINTS)
    if parameter.name == "ranges":
        return rng.choice(RANGES)
    number = isinstance(parameter.type, (click.types.IntParamType, click.IntRange))
    if number and parameter.name in ("size", "rounds", "samples"):
        return rng.choice(("0", "1", *NUMBERS[4:]))
    return rng.choice(NUMBERS if number else TEXTS)


def fault(code: int | None, stdout: bytes, stderr: str) -> str | None:
    """What is wrong with how a command ended."""
    if "Traceback" in stderr or "Exception ignored" in stderr:
        return "a traceback"
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if code == 1 and stderr.count("Error: ") < 1:
        return "no message"
    if code == 2 and "Usage: " not in stderr:
        return "no usage"
    if code and len(stderr) > LONGEST:
        return f"a message of {len(stderr):,} characters"
    return None


def damage(folder: Path, code: int | None) -> str | None:
    """What is wrong with the files afterwards."""
    for path in folder.iterdir():
        if path.name.endswith(".tmp"):
            path.unlink()
            return f"{path.name} is left"
        if path.name.startswith("old") and path.is_file():
            content = path.read_bytes()
            if content != OLD and (code != 0 or not content):
                return f"{path.name} is lost"
        elif path.name.startswith("new"):
            path.unlink()
    return None


def attempt(folder: Path, words: list[str], stdin: bytes) -> tuple[int | None, str | None]:
    """Exit code, and what is wrong, of a command line in this process."""
    try:
        with bounded(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = CliRunner().invoke(graphc, words, input=stdin, prog_name="graphc")
    except Hang:
        return None, "it does not end"
    wrong = fault(result.exit_code, result.stdout_bytes, result.stderr)
    error = result.exception
    if error is not None and not isinstance(error, SystemExit):
        where = traceback.extract_tb(error.__traceback__)[-1]
        wrong = f"{type(error).__name__}: {str(error)[:100]!r} {where.filename[-40:]}:{where.lineno}"
    return result.exit_code, wrong or damage(folder, result.exit_code)


STREAMS = ("pipe", "full", "closed", "gone")


def as_process(folder: Path, words: list[str], stdin: bytes, stream: str) -> tuple[int | None, str | None]:
    """The same of a process, with standard output of some kind; "gone" is a pipe whose reader has ended."""
    words = [word for word in words if "\x00" not in word]
    command = [sys.executable, "-m", "graphc", *words]
    options: dict[str, Any] = {"input": stdin, "stderr": subprocess.PIPE, "timeout": 120, "cwd": folder}
    if stream == "full":
        options["stdout"] = os.open("/dev/full", os.O_WRONLY)
    elif stream == "gone":
        reader, options["stdout"] = os.pipe()
        os.close(reader)
    elif stream == "closed":
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    else:
        options["stdout"] = subprocess.PIPE
    try:
        ended = subprocess.run(command, **options)
    except OSError:  # longer than the system lets a line be
        return 0, None
    except subprocess.TimeoutExpired:
        return None, "it does not end"
    finally:
        if stream in ("gone", "full"):
            os.close(options["stdout"])
    text = ended.stderr.decode(errors="replace")
    if stream == "gone" and ended.returncode == 1 and "Traceback" not in text and "ignored" not in text:
        return 1, damage(folder, 1)  # quietly
    return ended.returncode, fault(ended.returncode, ended.stdout or b"", text) or damage(
        folder, ended.returncode
    )


def case(
    folder: Path, seed: int, number: int, process: bool = False
) -> tuple[list[str], int | None, str | None]:
    """The command line of that number, its exit code, and what is wrong."""
    rng = random.Random(f"{seed} {number}")
    prepare(folder)
    words, stdin = command_line(rng), rng.choice(STDIN)
    if process:
        return words, *as_process(folder, words, stdin, rng.choice(STREAMS))
    return words, *attempt(folder, words, stdin)


def run(
    folder: Path, seed: int, first: int, count: int, every: int = 0, until: float = float("inf")
) -> Counter[str]:
    """The outcomes of so many command lines; what is wrong is printed. Each `every`-th is a process."""
    counts: Counter[str] = Counter()
    before = Path.cwd()
    os.chdir(folder)
    try:
        for number in range(first, first + count):
            if time.monotonic() > until:
                break
            words, code, wrong = case(folder, seed, number, bool(every) and number % every == 0)
            counts["wrong" if wrong else f"exit code {code}"] += 1
            if wrong:
                print(f"  {number}: {wrong}: {' '.join(repr(word)[:80] for word in words)}", flush=True)
    finally:
        os.chdir(before)
    return counts


def main(args: list[str]) -> int:
    options = argparse.ArgumentParser(prog="tests.fuzz commands", description=__doc__)
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--first", type=int, default=0, help="the number of the first command line")
    options.add_argument("--seconds", type=float, default=float("inf"))
    options.add_argument("--processes", type=int, default=500, help="every so many is a process; 0: none")
    chosen = options.parse_args(args)
    bound_memory()
    import webbrowser

    webbrowser.open = lambda *_, **__: False  # type: ignore[assignment]
    os.environ["BROWSER"] = "false"
    with tempfile.TemporaryDirectory() as name:
        os.environ["GRAPHC_CACHE_DIR"] = str(Path(name) / "cache")
        (folder := Path(name) / "files").mkdir()
        until = time.monotonic() + chosen.seconds
        counts = run(folder, chosen.seed, chosen.first, chosen.count, chosen.processes, until)
    print(
        f"tried {sum(counts.values()):,}, " + ", ".join(f"{kind} {counts[kind]:,}" for kind in sorted(counts))
    )
    return int(counts["wrong"] > 0)
