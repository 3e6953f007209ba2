"""Signals that are held back: whatever is broken off, the handlers are as they were."""

from __future__ import annotations

import gc
import signal
import weakref

import pytest

from graphc.util import interrupts


class BrokenOff(Exception):
    """What a handler raises."""


@pytest.fixture
def several():
    """Handlers of the program's own for three signals; nothing else changes handlers meanwhile, as what frees functions does."""
    gc.collect()
    gc.disable()
    numbers = (signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    yield {number: signal.getsignal(number) for number in (signal.SIGINT, *numbers)}
    gc.enable()
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="signals of Unix")
@pytest.mark.parametrize("after", [True, False], ids=["after a change", "before it"])
@pytest.mark.parametrize("number", range(10))
def test_a_handler_raises_while_handlers_are_changed(several, number, after, monkeypatch):
    """At each of the changes in turn: while a block begins, and while it ends."""
    calls, change = [], signal.signal

    def changed(which, handler):
        calls.append(which)
        raises = len(calls) == number + 1
        if not (raises and not after):
            change(which, handler)
        if raises:
            raise BrokenOff

    monkeypatch.setattr(interrupts.signal, "signal", changed)
    broken = False
    try:
        with interrupts.held():
            pass
    except BrokenOff:
        broken = True
    monkeypatch.undo()
    assert broken == (number < len(calls))
    assert {which: signal.getsignal(which) for which in several} == several


def test_what_comes_in_the_meantime_is_not_lost_where_the_end_is_broken_off(several, monkeypatch):
    seen, change = [], signal.signal
    signal.signal(signal.SIGUSR1, lambda *_: seen.append("came"))
    with pytest.raises(BrokenOff), interrupts.held():
        signal.raise_signal(signal.SIGUSR1)
        broken = []

        def changed(which, handler):
            change(which, handler)
            if not broken:
                broken.append(which)
                raise BrokenOff

        monkeypatch.setattr(interrupts.signal, "signal", changed)
    assert seen == ["came"]


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="signals of Unix")
def test_no_frame_that_has_ended_is_handed_to_a_handler(several):
    """It would keep its variables, and they would be finalized wherever the cyclic collector runs."""

    class Variable:
        pass

    def in_the_midst():
        variable = Variable()
        signal.raise_signal(signal.SIGUSR1)
        return weakref.ref(variable)

    frames = []
    signal.signal(signal.SIGUSR1, lambda _, frame: frames.append(frame))
    with interrupts.held():
        variable = in_the_midst()
    assert [frame.f_code.co_name for frame in frames] == [
        "test_no_frame_that_has_ended_is_handed_to_a_handler"
    ]
    assert variable() is None
