"""The loop: it learns, resumes to the same bits, survives Ctrl-C, stops at a NaN with its node, and what it refuses."""

from __future__ import annotations

import math
import os
import signal

import numpy as np
import pytest

import graphc as g
from graphc import nn, train
from graphc.errors import (
    ExpressionError,
    FormatError,
    InputError,
    MissingFileError,
    RenderError,
    TrainingError,
)
from graphc.train.step import _interpreted

X, L = g.symbol("x", shape=("n", 2)), g.symbol("labels", shape=("n",), dtype="int64")


def clouds(n=120, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    return {X: rng.normal(size=(n, 2)) + 2.0 * labels[:, None], L: labels}


def network(seed=1):
    layers = nn.Sequential(nn.Affine(8), nn.BatchNorm(), g.tanh, nn.Dropout(0.2), nn.Affine(2))
    model = nn.Model(layers, X, seed=seed)
    return model, nn.cross_entropy(model.training_output, L)


def error(model):
    return g.mean(g.not_equal(g.argmax(model.output, axis=1), L).astype("float64"))


def fit(model, loss, epochs=3, data=None, **more):
    known = {"optimiser": train.Adam(0.02), "batch": 32, "seed": 4, "metrics": {"error": error(model)}}
    return train.fit(model, loss, data or clouds(), epochs=epochs, **{**known, **more})


def bits(model):
    return {key: array.tobytes() for key, array in model.values.items()}


def records(history):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in history]


def test_it_learns():
    model, loss = network()
    before = model.values["norm1.mean"].copy()
    history = fit(model, loss, 8, validation=clouds(seed=9))
    assert history[-1]["error"] < 0.2 and history[-1]["loss"] < history[0]["loss"]
    assert (model.values["norm1.mean"] != before).all()
    assert [record["epoch"] for record in history] == list(range(1, 9))
    assert history.columns == ["epoch", "loss", "rate", "error", "seconds"]
    assert train.evaluate(model, {"error": error(model)}, clouds(seed=9))["error"] == history[-1]["error"]


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows():
    w = g.symbol("w")
    model = train.Parameters({w: 0.0})
    x = g.symbol("x", shape=("n",))
    history = train.fit(
        model, g.mean(x) + 0 * w, {x: np.arange(7.0)}, optimiser=train.SGD(1.0), epochs=1, batch=3
    )
    assert history[0]["loss"] == pytest.approx(3.0, rel=1e-15)


def test_a_seed_decides_everything():
    one, two, other = (network() for _ in range(3))
    first, second = fit(*one), fit(*two)
    assert bits(one[0]) == bits(two[0]) and records(first) == records(second)
    fit(*other, seed=5)
    assert bits(other[0]) != bits(one[0])


@pytest.mark.parametrize("schedule", [None, train.Halving(1, gain=0.3)])
def test_resumed_to_the_same_bits(tmp_path, schedule):
    path = tmp_path / "run.npz"
    whole, halves = network(), network()
    first = fit(*whole, epochs=5, schedule=schedule)
    fit(*halves, epochs=2, schedule=schedule, checkpoint=path)
    again = network(seed=77)  # what it begins with does not matter
    second = fit(*again, epochs=5, schedule=schedule, checkpoint=path, resume=True)
    assert bits(whole[0]) == bits(again[0]) and records(first) == records(second)
    finished = fit(*network(), epochs=5, schedule=schedule, checkpoint=path, resume=True)
    assert records(finished) == records(first)


@pytest.mark.sample(2)
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("at", [1, 4, 5, 11])
def test_interrupted_and_resumed_to_the_same_bits(tmp_path, at, every, monkeypatch):
    path = tmp_path / "run.npz"
    whole, broken = network(), network()
    first = fit(*whole, epochs=3, every=every)
    steps = []
    original = train.Step.take

    def interrupted(self, *args):
        value = original(self, *args)
        steps.append(value)
        if len(steps) == at:
            os.kill(os.getpid(), signal.SIGINT)
        return value

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(train.Step, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(*broken, epochs=3, every=every, checkpoint=path)
    assert len(steps) == at and signal.getsignal(signal.SIGINT) is handler
    again = network(seed=77)
    second = fit(*again, epochs=3, every=every, checkpoint=path, resume=True)
    assert bits(whole[0]) == bits(again[0]) and records(first) == records(second)


def test_records_come_every_so_many_epochs_and_after_the_last():
    each, whole, rare = [], network(), network()
    first = fit(*whole, epochs=7)
    second = fit(*rare, epochs=7, every=3, each=lambda history: each.append(history.epochs))
    assert bits(whole[0]) == bits(rare[0])
    assert second.series("epoch") == each == [3, 6, 7] and second.epochs == 7
    losses = np.array(first.series("loss"))
    means = [losses[:3].mean(), losses[3:6].mean(), losses[6]]
    np.testing.assert_allclose(second.series("loss"), means, rtol=1e-14)
    assert second.series("error") == [first[place]["error"] for place in (2, 5, 6)]
    assert "7 epochs" in repr(second)


def test_schedules_count_epochs_where_records_are_rare():
    for schedule, rates in (
        (train.StepDecay(4, 0.5), [1, 1, 0.5, 0.5]),
        (train.Cosine(8), [1, 0.75, 0.5, 0.25]),
    ):
        known = {"epochs": 8, "optimiser": train.SGD(1e-3)}
        history = fit(*network(), every=2, schedule=schedule, **known)
        wanted = [1e-3 * share for share in rates]
        if isinstance(schedule, train.Cosine):
            wanted = [1e-3 * (1 + np.cos(np.pi * done / 8)) / 2 for done in (0, 2, 4, 6)]
        np.testing.assert_allclose(history.series("rate"), wanted, rtol=1e-12)
    history = fit(*network(), epochs=20, every=2, stop=train.EarlyStop(1, gain=0.9))
    assert history.series("epoch") == [2, 4]


@pytest.mark.parametrize("ends", [(5, 9), (6, 9), (2, 7, 9)])
def test_rare_records_are_resumed_to_the_same_bits(tmp_path, ends):
    """A shorter training makes a record at its end, which one without a break does not make."""
    path, whole = tmp_path / "run.npz", network()
    first = fit(*whole, epochs=9, every=3, schedule=train.Halving(1, gain=0.3))
    for number, end in enumerate(ends, 1):
        again = network(seed=number)
        second = fit(
            *again, epochs=end, every=3, schedule=train.Halving(1, gain=0.3), checkpoint=path, resume=True
        )
    assert bits(whole[0]) == bits(again[0]) and records(first) == records(second)
    # other records from here on, and those that are there remain
    other = fit(*network(), epochs=12, every=2, checkpoint=path, resume=True)
    assert other.series("epoch") == [3, 6, 9, 10, 12]


def test_ctrl_c_at_the_end_of_training_is_not_forgotten(tmp_path):
    path, whole = tmp_path / "run.npz", network()
    first = fit(*whole, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        fit(
            *network(), epochs=2, checkpoint=path,
            each=lambda history: history.epochs == 2 and os.kill(os.getpid(), signal.SIGINT),
        )  # fmt: skip
    again = network(seed=77)
    second = fit(*again, epochs=2, checkpoint=path, resume=True)
    assert bits(whole[0]) == bits(again[0]) and records(first) == records(second)


def test_checkpoints_of_something_else_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    model, loss = network()
    fit(model, loss, 1, checkpoint=path)
    before = bits(model)
    with pytest.raises(FormatError, match=r"another training: its optimiser is 'Adam\(rate=0.02"):
        fit(model, loss, 2, checkpoint=path, resume=True, optimiser=train.SGD(0.1))
    with pytest.raises(FormatError, match="its seed is 4, not 5"):
        fit(model, loss, 2, checkpoint=path, resume=True, seed=5)
    other = nn.Model(nn.Affine(2), X)
    with pytest.raises(FormatError, match=r"the model has no"):
        fit(other, nn.cross_entropy(other.output, L), 2, checkpoint=path, resume=True)
    model.save(path)
    with pytest.raises(FormatError, match="no checkpoint"):
        fit(model, loss, 2, checkpoint=path, resume=True)
    content = path.read_bytes()
    for cut in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(FormatError):
            fit(model, loss, 2, checkpoint=path, resume=True)
    assert bits(model) == before
    arrays = {"meta": np.frombuffer(b"[" * 100_000, dtype=np.uint8)}
    nn.write_arrays(path, arrays)
    with pytest.raises(FormatError, match="record of the checkpoint is damaged"):
        fit(model, loss, 2, checkpoint=path, resume=True)


def test_a_nan_stops_with_its_node():
    a, x = g.symbol("a"), g.symbol("x", shape=("n",))
    model = train.Parameters({a: 1.0})
    y = a * x
    loss = g.mean(g.log(y))  # of a negative number
    told = r"in step 2 of epoch 1: log\(a\*x\) is NaN, computed from values from -1 to 3"
    with pytest.raises(TrainingError, match=told) as caught:
        train.fit(
            model, loss, {x: np.array([1.0, 2.0, 3.0, -1.0])}, optimiser=train.SGD(0.0), epochs=1, batch=2, shuffle=False
        )  # fmt: skip
    assert "test_loop.py" in str(caught.value)


def test_a_step_that_spoils_a_parameter_is_found():
    a, x = g.symbol("a"), g.symbol("x", shape=("n",))
    model = train.Parameters({a: 1.0})
    # finite itself, while the derivative of the root at 0 is infinite
    loss = g.mean(g.sqrt(a * x))
    known = {"optimiser": train.SGD(0.1), "epochs": 1, "batch": 1, "shuffle": False}
    source = r"(?s:.*); 0\.5/sqrt\(a\*x\) is infinite, computed from 0\.5 and 0"
    with pytest.raises(
        TrainingError,
        match=r"in step 2 of epoch 1: the step before it spoilt 'a': " + source,
    ):
        train.fit(model, loss, {x: np.array([0.0, 1.0])}, **known)
    model = train.Parameters({a: 1.0})
    with pytest.raises(
        TrainingError,
        match=r"after epoch 1: the step before it spoilt 'a': " + source,
    ):
        train.fit(model, loss, {x: np.array([1.0, 0.0])}, **known)
    model.values["a"][...] = np.nan
    with pytest.raises(TrainingError, match="'a' are not finite before the step"):
        train.fit(model, g.mean(a * x), {x: np.ones(2)}, optimiser=train.SGD(0.1), epochs=1)


def test_divergence_is_an_infinite_loss():
    a, x = g.symbol("a"), g.symbol("x", shape=("n",))
    model = train.Parameters({a: 1e200})
    with pytest.raises(TrainingError, match="is infinite, computed from"):
        train.fit(model, g.mean((a * x) ** 2), {x: np.ones(2)}, optimiser=train.SGD(0.1), epochs=1)


def test_early_stop_and_what_is_called_each_epoch():
    model, loss = network()
    seen = []
    history = fit(model, loss, 50, stop=train.EarlyStop(1, gain=0.5), each=lambda h: seen.append(len(h)))
    assert len(history) < 50 and seen == list(range(1, len(history) + 1))


def test_schedule_sets_the_rate():
    model, loss = network()
    history = fit(model, loss, 4, schedule=train.StepDecay(2, 0.5))
    assert history.series("rate") == [0.02, 0.02, 0.01, 0.01]


def test_the_bar_is_shown_where_it_is_asked_for(capfd):
    fit(*network(), epochs=1)
    assert capfd.readouterr().err == ""  # no terminal
    fit(*network(), epochs=1, progress=True)
    shown = capfd.readouterr().err
    assert "4/4" in shown and "loss=" in shown and "rate=0.02" in shown


def test_history_is_plotted(tmp_path):
    history = fit(*network(), epochs=2)
    path = history.plot(tmp_path / "history.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert history.plot(tmp_path / "loss.svg", "loss", log=True).exists()
    with pytest.raises(InputError, match="no 'accuracy'"):
        history.plot(tmp_path / "x.png", "accuracy")
    with pytest.raises(RenderError):
        history.plot(tmp_path / "x.gif")
    with pytest.raises(InputError, match="no epoch"):
        train.History().plot(tmp_path / "x.png")
    assert "2 epochs" in repr(history) and repr(train.History()) == "<History of no epoch>"


def test_what_the_loop_refuses():
    model, loss = network()
    with pytest.raises(ExpressionError, match="loss is a float scalar"):
        fit(model, nn.cross_entropy(model.output, L, "none"))
    with pytest.raises(ExpressionError, match="depends on no parameter"):
        fit(model, g.sum(X))
    with pytest.raises(ExpressionError, match="loss reads 'other'"):
        fit(model, loss + g.symbol("other"))
    with pytest.raises(ExpressionError, match="metrics read 'other'"):
        fit(model, loss, metrics={"m": g.symbol("other")})
    with pytest.raises(ExpressionError, match="metric 'm' is no scalar"):
        fit(model, loss, metrics={"m": model.output})
    with pytest.raises(InputError, match="no optimiser"):
        fit(model, loss, optimiser=0.1)
    with pytest.raises(InputError, match="epochs"):
        fit(model, loss, epochs=-1)
    for every in (0, 1.5, True):
        with pytest.raises(InputError, match="a record every"):
            fit(model, loss, every=every)
    for seed in (-1, "a", 0.5, None):
        with pytest.raises(InputError, match="a seed of"):
            fit(model, loss, seed=seed)
    for name in ("stop", "schedule", "each"):
        with pytest.raises(InputError, match=f"{name} is a function, not 0.5"):
            fit(model, loss, **{name: 0.5})
    with pytest.raises(InputError, match="metrics are named"):
        fit(model, loss, metrics=[loss])
    for none in ("a", None, math.nan, -1.0, True):
        with pytest.raises(InputError, match=f"schedule gives a rate of {none!r}"):
            fit(model, loss, schedule=lambda rate, history, none=none: none)
    with pytest.raises(InputError, match="a model has parameters and values"):
        train.fit(model.output, loss, clouds(), optimiser=train.SGD(0.1), epochs=1)
    for begin in ([1.0, 2.0], {"a": 1.0}, {X * 2: 1.0}):
        with pytest.raises(InputError, match="parameters are symbols"):
            train.Parameters(begin)
    with pytest.raises(InputError, match="a metric cannot be called 'loss'"):
        fit(model, loss, metrics={"loss": loss})


def test_a_last_batch_of_one_keeps_batch_norm_finite():
    model, loss = network()
    fit(model, loss, data=clouds(65), batch=32)
    assert all(np.isfinite(array).all() for array in model.values.values())
    buffers = nn.Model(nn.BatchNorm(), X)
    spoilt = g.mean(buffers.training_output**2)
    buffers.buffer_updates["norm1.mean"] = buffers.buffer_updates["norm1.mean"] / 0.0
    with pytest.raises(TrainingError, match=r"after epoch 1: the step before it spoilt 'norm1.mean'"):
        train.fit(buffers, spoilt, clouds(), optimiser=train.SGD(0.1), epochs=1, batch=None)
    assert (buffers.values["norm1.mean"] == 0).all()


@pytest.mark.parametrize("label", [2, -1])
def test_labels_out_of_range_are_told(label):
    """And nothing has moved then, the count of steps included."""
    model, loss = network()
    before = bits(model)
    wrong = {X: np.ones((3, 2)), L: np.array([0, label, 1])}
    held = f"'labels' holds {min(label, 0)} to {max(label, 1)}"
    told = rf"label {label} is out of range for the 2 classes of axis 1; in this batch {held}"
    with pytest.raises(InputError, match=told):
        train.fit(model, loss, wrong, optimiser=train.SGD(0.1), epochs=1)
    plain = nn.cross_entropy(model.output, L)
    with pytest.raises(InputError, match=told):
        train.evaluate(model, {"loss": plain}, wrong)
    step = train.Step(model, plain, train.Adam(0.1), [X, L])
    with pytest.raises(InputError, match=told):
        step(wrong, 0.1)
    assert bits(model) == before and step.state["steps"] == 0


def test_a_step_by_hand_says_what_it_needs():
    model, loss = network()
    step = train.Step(model, loss, train.SGD(0.1), [X, L])
    batch = clouds(7)
    with pytest.raises(InputError, match=r"reads the mask 'dropout1.mask'(?s:.*)model.draw_masks"):
        step(batch, 0.1)
    with pytest.raises(InputError, match="nothing for 'labels'"):
        step({X: batch[X]}, 0.1)
    masks = model.draw_masks(np.random.default_rng(0), batch)
    assert step(batch, 0.1, masks) > 0 and step.state["steps"] == 1
    without = train.Step(model, nn.cross_entropy(model.output, L), train.SGD(0.1), [X, L])
    assert without(batch, 0.1) > 0 and not without.masks  # the form for inference reads none


def test_where_a_checkpoint_cannot_be_is_told_before_the_first_step(tmp_path):
    model, loss = network()
    before = bits(model)
    with pytest.raises(MissingFileError, match="there is no directory"):
        fit(model, loss, checkpoint=tmp_path / "none" / "run.npz")
    with pytest.raises(InputError, match=r"\.npz or \.safetensors"):
        fit(model, loss, checkpoint=tmp_path / "run.ckpt")
    with pytest.raises(InputError, match="no checkpoint to resume from"):
        fit(model, loss, resume=True)
    assert bits(model) == before


@pytest.mark.parametrize("optimiser", [train.SGD(0.1), train.Adam(0.1)], ids=["SGD", "Adam"])
def test_training_that_fails_leaves_the_last_finite_values(optimiser):
    """Of the root's argument at 0 the derivative is infinite: the third step spoils a, the loss of the fourth shows it."""
    a, x = g.symbol("a"), g.symbol("x", shape=("n",))
    loss = g.mean(g.sqrt(a * x))
    rows = np.array([1.0, 2.0, 0.0, 3.0])
    known = {"optimiser": optimiser, "batch": 1, "shuffle": False}
    good, model = train.Parameters({a: 4.0}), train.Parameters({a: 4.0})
    train.fit(good, loss, {x: rows[:2]}, epochs=1, **known)
    for data in (rows, rows[:3]):  # found by the next step, or at the end of the epoch
        model.values["a"][...] = 4.0
        with pytest.raises(TrainingError, match="spoilt 'a'"):
            train.fit(model, loss, {x: data}, epochs=1, **known)
        assert bits(model) == bits(good)
    model.values["a"][...] = np.inf  # none to go back to
    with pytest.raises(TrainingError, match="not finite before the step"):
        train.fit(model, loss, {x: rows}, epochs=1, **known)
    step = train.Step(good, loss, optimiser, [x])
    step({x: rows[:1]}, 0.1)
    kept = [np.array(array) for array in step.arguments({x: rows[:1]}, 0.1)]
    kept[-2] += 1
    wanted = {key: array.copy() for key, array in step.arrays().items()}
    step({x: rows[1:2]}, 0.1)
    assert step.put_back(kept)
    assert all((array == wanted[key]).all() for key, array in step.arrays().items())


def test_parameters_that_the_loss_does_not_read_stay():
    a, b = g.symbols("a b")
    model = train.Parameters({a: 1.0, b: 2.0})
    train.fit(model, a * a, {g.symbol("x", shape=("n",)): np.ones(2)}, optimiser=train.SGD(0.25), epochs=1)
    assert model.values["a"] == 0.5 and model.values["b"] == 2.0


def test_what_was_given_is_not_written_to():
    a, x = g.symbol("a", shape=(2,)), g.symbol("x", shape=("n", 2))
    begin = np.ones(2)
    model = train.Parameters({a: begin})
    train.fit(model, g.mean(x @ a), {x: np.ones((4, 2))}, optimiser=train.SGD(0.1), epochs=1)
    assert (begin == 1).all() and (model.values["a"] != 1).all()


def test_every_batch_has_masks_of_its_own(monkeypatch):
    model, loss = network()
    seen = []
    original = type(model).draw_masks

    def noted(self, rng, batch):
        drawn = original(self, rng, batch)
        seen.append(drawn["dropout1.mask"])
        return drawn

    monkeypatch.setattr(type(model), "draw_masks", noted)
    fit(model, loss, 2, batch=60)
    assert len(seen) == 4 and len({mask.tobytes() for mask in seen}) == 4


@pytest.mark.parametrize("make", [train.make_step, _interpreted], ids=["compiled", "interpreted"])
def test_next_values_are_computed_from_what_was_passed(make):
    """Two arrays that change places, and an output that is one of them."""
    a, b = g.symbol("a", shape=(3,)), g.symbol("b", shape=(3,))
    step = make([a, g.sum(a * b)], [a, b], {a: b, b: a})
    one, two = np.arange(3.0), np.ones(3)
    shown, total = step(one, two)
    assert shown.tolist() == [0, 1, 2] and total == 3
    assert one.tolist() == [1, 1, 1] and two.tolist() == [0, 1, 2]
