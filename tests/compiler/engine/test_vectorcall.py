"""Objects that are called without a tuple in between: who answers, what is held, and for how long."""

import functools
import gc
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine.vectorcall import Led, lead, way_of


class Carrier(Led):
    """The least that can be led."""


def told(*args, **kwargs):
    return args, kwargs


CALLS = {
    "nothing": ((), {}),
    "one": ((1,), {}),
    "names": ((), {"a": 1, "b": 2}),
    "both": ((1, 2), {"c": 3}),
    "many": (tuple(range(300)), {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_arguments_arrive_as_they_were_passed(name):
    args, kwargs = CALLS[name]
    carrier = Carrier()
    lead(carrier, told)
    assert carrier(*args, **kwargs) == (args, kwargs)
    assert carrier.__call__(*args, **kwargs) == (args, kwargs)
    assert list(map(carrier, [1, 2])) == [told(1), told(2)]


def test_an_object_that_is_led_nowhere_is_refused():
    with pytest.raises(TypeError):
        Carrier()(1.0)


def test_what_answers_may_lead_later_calls_elsewhere():
    """What the object held is held by nobody else, and is still running."""
    carrier = Carrier()

    def first():
        lead(carrier, second)
        gc.collect()
        return [1.0] * 3

    def second():
        return "second"

    lead(carrier, first)
    del first
    assert carrier() == [1.0] * 3
    assert carrier() == "second"


def test_exceptions_pass_and_nothing_is_kept():
    carrier = Carrier()

    def fails(value):
        raise ValueError(value)

    lead(carrier, fails)
    before = sys.getrefcount(fails)
    for _ in range(50):
        with pytest.raises(ValueError, match="7"):
            carrier(7)
    assert sys.getrefcount(fails) == before


def test_what_stands_in_the_objects_dict_is_not_what_it_is_led_to():
    """`functools.update_wrapper` copies what stands in one object's `__dict__` to another's."""
    one, two = Carrier(), Carrier()
    lead(one, lambda: [1.0] * 3)  # held by the object alone
    lead(two, lambda: [2.0] * 3)
    functools.update_wrapper(one, two)
    vars(two).clear()
    gc.collect()
    assert one() == [1.0] * 3 and two() == [2.0] * 3


def test_an_object_led_elsewhere_by_many_at_once_points_to_what_is_there():
    carrier = Carrier()
    lead(carrier, lambda: -1)
    begin, answers = threading.Barrier(4), []

    def leads(number):
        begin.wait()
        for _ in range(200):
            lead(carrier, lambda: number)
            answers.append(carrier())

    threads = [threading.Thread(target=leads, args=(number,)) for number in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert set(answers) <= set(range(4)) and carrier() in range(4)


def test_a_compiled_function_goes_with_its_last_name():
    x = g.symbol("x")
    f = g.compile(x * x + 0.37, [x], cache=False)
    gone = weakref.ref(f)
    f(2.0), f(np.ones(3)), f(np.ones(3))
    del f
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("count", [1, 2, 16, 17, 40])
def test_numbers_take_the_machine_code_and_the_rest_does_not(count):
    """Few arguments are taken one by one, many by a loop; either hands on what is no number, with names or too few."""
    names = [f"v{k}" for k in range(count)]
    symbols = [g.symbol(name) for name in names]
    total = symbols[0] * 2
    for k, symbol in enumerate(symbols[1:]):
        total = total + (k + 3) * symbol
    f = g.compile(total, symbols)
    assert way_of(f)[1] is not None
    values = [0.5 * k - 1 for k in range(count)]
    weights = np.array([2, *range(3, count + 2)], float)
    expected = float(weights @ values)
    assert f(*values) == pytest.approx(expected, rel=1e-15)
    assert f(*map(int, values)) == pytest.approx(float(weights @ [int(v) for v in values]), rel=1e-15)
    assert f(**dict(zip(names, values, strict=True))) == f(*values)
    assert (f(*[np.full(3, v) for v in values]) == f(*values)).all()
    with pytest.raises(g.GraphcError):
        f(*values[1:])
    with pytest.raises(g.GraphcError):
        f(*values, 1.0)
    with pytest.raises(g.GraphcError):
        f("text", *values[1:])


def test_threads_that_call_while_the_way_changes():
    x = g.symbol("x")
    f = g.compile(x + 1.25, [x], cache=False)
    wrong = []

    def calls():
        for k in range(2000):
            if f(float(k)) != k + 1.25 or (k % 50 == 0 and f(np.ones(2)).tolist() != [2.25] * 2):
                wrong.append(k)

    threads = [threading.Thread(target=calls) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pickled_functions_are_led_again():
    x = g.symbol("x")
    f = pickle.loads(pickle.dumps(g.compile(x * 3, [x])))
    assert f(2.0) == 6.0 and callable(f)
