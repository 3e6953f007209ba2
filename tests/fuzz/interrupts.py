"""Interrupts at random moments: a process that is broken off anywhere goes on computing, and no interrupt is lost.

    python -m tests.fuzz interrupts [--count N] [--seed S] [--activity NAME] [--how signal|thread]

A child process does one thing again and again and is interrupted at a random moment of each round: by a signal whose handler
raises, or by an exception that another thread sets (which nothing can hold back). Afterwards it must compute correctly, its files
are whole or absent, nothing hangs; and of the signals' exceptions each must have come out, none was printed as "ignored".
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc import train
from graphc.ir.expr import live_nodes

TIMEOUT = 400


class Interrupt(BaseException):
    """What the handler raises, and the other thread sets."""


def _elementwise(number: int) -> None:
    x = g.symbol("x")
    f = g.compile(g.sin(x * (number + 2)) + g.exp(-x), cache=False)
    np.testing.assert_allclose(f(0.5), np.sin(0.5 * (number + 2)) + np.exp(-0.5), rtol=1e-14, atol=1e-15)


def _arrays(number: int) -> None:
    X, Y = g.symbol("X", shape=("n", 3)), g.symbol("Y", shape=(3, "m"))
    f = g.compile(g.sum(g.exp(X @ Y / (number + 1)), axis=0), cache=False)
    a, b = np.arange(6.0).reshape(2, 3) / 9, np.ones((3, 4)) / 7
    np.testing.assert_allclose(f(a, b), np.exp(a @ b / (number + 1)).sum(axis=0), rtol=1e-13)


def _background(number: int) -> None:
    X = g.symbol("X", shape=("n", "n"))
    f = g.compile([g.sum(g.tanh(X * (number + 1) + k)) for k in range(6)], cache=False)
    for _ in range(4):
        np.testing.assert_allclose(f(np.zeros((2, 2))), 4 * np.tanh(np.arange(6.0)), rtol=1e-13)


def _evaluate(number: int) -> None:
    x, y = g.symbols("x y")
    value = g.evaluate(g.sin(x * number) / (1 + y**2), {"x": 0.1, "y": 2.0})
    assert abs(value - np.sin(0.1 * number) / 5) < 1e-15


def _grad(number: int) -> None:
    x, y = g.symbols("x y")
    slope = g.grad(g.exp(x * (number + 1)) * g.sin(y) / (1 + x**2), [x, y])
    assert g.evaluate(slope[1], {"x": 0.0, "y": 0.0}) == 1.0


def _free(number: int) -> None:
    x = g.symbol("x")
    total = x
    for step in range(300):
        total = g.sin(total) + x * (number * 300 + step)
    lengths = g.symbol("L", shape=("n",))
    for _ in range(20):
        lengths = g.concat([lengths, lengths])
    del total, lengths


def _buffers(number: int) -> None:
    f = _buffers.__dict__.setdefault("f", g.compile(g.symbol("x", shape="n") * 2))
    for _ in range(5):
        assert f(np.full(300_000, 1.0 + number))[-1] == 2.0 + 2 * number


def _save(number: int) -> None:
    x = g.symbol("x")
    g.save(g.sin(x) * (number + 1), "graph.json")
    assert str(g.load("graph.json"))


def _draw(number: int) -> None:
    x, y = g.symbols("x y")
    g.draw(g.sin(x * (number + 1)) * y, {"x": 1.0, "y": 2.0}).save("graph.dot")


def _fit(number: int) -> None:
    a, x, y = g.symbol("a"), g.symbol("x", shape="n"), g.symbol("y", shape="n")
    data = {x: np.arange(8.0) / 8, y: np.arange(8.0) / 4}
    loss = g.mean((x * a - y) ** 2)
    model = train.Parameters({a: 0.0})
    train.fit(
        model,
        loss,
        data,
        optimiser=train.Momentum(0.1, 0.9),
        epochs=3,
        batch=4,
        checkpoint="checkpoint.npz",
        resume=number % 2 == 1,
    )


ACTIVITIES: dict[str, Callable[[int], None]] = {
    "elementwise": _elementwise, "arrays": _arrays, "background": _background, "evaluate": _evaluate, "grad": _grad,
    "free": _free, "buffers": _buffers, "save": _save, "draw": _draw, "fit": _fit,
}  # fmt: skip


def _check_files() -> None:
    for path in Path().iterdir():
        assert not path.name.endswith(".tmp"), path
        if path.suffix == ".json":
            g.load(path)
        elif path.suffix == ".dot":
            assert path.read_text().rstrip().endswith("}"), path
        elif path.suffix == ".npz":
            with np.load(path) as arrays:
                assert all(arrays[name] is not None for name in arrays)


class _Alarm:
    """An exception after some seconds, in this thread: by a signal, or set by another thread."""

    def __init__(self, how: str) -> None:
        self.how, self.raised = how, 0
        self._me = threading.get_ident()
        self.former = signal.signal(signal.SIGALRM, self._ring)

    def _ring(self, number: int, frame: Any) -> None:
        self.raised += 1
        raise Interrupt

    def after(self, seconds: float) -> None:
        if self.how == "signal":
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-5))
            return
        self._timer = threading.Timer(seconds, self._set)
        self._timer.start()

    def _set(self) -> None:
        self.raised += ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self._me), ctypes.py_object(Interrupt)
        )

    def off(self) -> None:
        if self.how == "signal":
            signal.setitimer(signal.ITIMER_REAL, 0)
            return
        self._timer.cancel()
        self._timer.join()
        for _ in range(100):  # what was set comes out in a loop, if it has not already
            pass


def _seconds(act: Callable[[int], None], number: int) -> float:
    begin = time.perf_counter()
    act(number)
    return time.perf_counter() - begin


def rounds(name: str, how: str, count: int, seed: int) -> tuple[int, int]:
    """So many rounds in this process and its folder: how many exceptions came out, and how many were raised."""
    act, rng, alarm, caught = ACTIVITIES[name], random.Random(seed), _Alarm(how), 0
    spent = min(_seconds(act, number) for number in (0, 1, 1, 1))  # one may wait for another process
    for number in range(2, count + 2):
        try:
            try:
                alarm.after(rng.uniform(0, 1.2 * spent))
                act(number)
            finally:
                alarm.off()
        except Interrupt:
            caught += 1
        if name in ("save", "draw", "fit"):
            _check_files()
    signal.signal(signal.SIGALRM, alarm.former)
    return caught, alarm.raised


def child(name: str, how: str, count: int, seed: int) -> None:
    """So many rounds in this process; fails if it is not whole afterwards."""
    caught, raised = rounds(name, how, count, seed)
    assert gc.isenabled()
    for each in ACTIVITIES.values():
        each(count + 3)
    _check_files()
    thread = threading.Thread(target=_elementwise, args=(1,))  # no lock is held for good
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "a lock is held"
    nodes = live_nodes()
    _free(count + 4)
    gc.collect()
    assert live_nodes() <= nodes
    print(caught, raised)


def attempt(name: str, how: str, count: int, seed: int) -> tuple[int, str | None]:
    """How many interrupts came out in a child process, and what is wrong."""
    command = [sys.executable, "-m", "tests.fuzz", "interrupts", "--child", name, "--how", how]
    command += ["--count", str(count), "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT, cwd=folder, env={**os.environ, "PYTHONPATH": paths}
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return 0, "it hangs"
    if ended.returncode:
        return 0, f"exit code {ended.returncode}: {ended.stderr[-1500:]}"
    caught, raised = map(int, ended.stdout.split())
    if how == "signal" and (caught != raised or "gnored" in ended.stderr):
        return caught, f"{raised - caught} lost: {ended.stderr[-1500:]}"
    return caught, None


def main(args: list[str]) -> int:
    options = argparse.ArgumentParser(prog="tests.fuzz interrupts", description=__doc__)
    options.add_argument("--count", type=int, default=300, help="interrupts for each activity")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--activity", action="append", choices=list(ACTIVITIES), help="only this one")
    options.add_argument("--how", action="append", choices=("signal", "thread"))
    options.add_argument("--child", help=argparse.SUPPRESS)
    chosen = options.parse_args(args)
    if chosen.child:
        child(chosen.child, chosen.how[0], chosen.count, chosen.seed)
        return 0
    bad = 0
    for name in chosen.activity or ACTIVITIES:
        for how in chosen.how or ("signal", "thread"):
            caught, wrong = attempt(name, how, chosen.count, chosen.seed)
            print(
                f"{name}, {how}: {caught:,} of {chosen.count:,} interrupted, {wrong or 'whole'}", flush=True
            )
            bad += wrong is not None
    return int(bad > 0)
