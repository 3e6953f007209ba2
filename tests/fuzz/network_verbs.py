"""The public callables of networks, training and statistics, each with a valid call, as `verbs` has them."""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g
from graphc import nn, stats, train
from tests.fuzz.verb import Verb, folder, written


def _model() -> nn.Model:
    return nn.Model(nn.Affine(2), g.symbol("X", shape=("n", 3)))


def networks() -> dict[str, Verb]:
    images = g.symbol("I", shape=("n", 2, 6, 6))
    features = g.symbol("X", shape=("n", 3))
    steps = g.symbol("S", shape=("n", 4, 3))

    def built(layer: Callable[..., Any], x: g.Expr) -> Callable[..., Any]:
        return lambda **names: nn.Model(layer(**names), x)

    def drawn(make: Any) -> Callable[..., Any]:
        return lambda rng, shape: make(rng, shape)

    volumes = g.symbol("V", shape=("n", 1, 4, 3, 3))
    counts = g.symbol("counts", shape=("n",), dtype="int64")
    cells = {
        "layers": 2,
        "bidirectional": True,
        "lengths": counts,
        "carried": False,
        "checkpoint": "none",
        "truncate": 2,
    }
    window = {"size": 2, "stride": None, "padding": 0}
    scores, labels, target = (
        g.symbol("z", shape=(4, 3)),
        g.symbol("l", shape=4, dtype="int64"),
        g.symbol("t", shape=(4, 3)),
    )
    arrays = written("arrays.npz", lambda path: nn.write_arrays(path, {"a": np.ones(3)}))
    model = _model()
    losses = {
        name: Verb(getattr(nn, name), {first: scores, second: target, "reduction": "mean"})
        for name, first, second in (
            ("squared_error", "output", "target"), ("mean_squared_error", "output", "target"),
            ("hinge", "output", "target"), ("logistic", "output", "target"),
        )
    }  # fmt: skip
    initial = {
        f"nn.{name}": Verb(drawn(getattr(nn, name)), {"rng": np.random.default_rng(0), "shape": (2, 3)})
        for name in ("zeros", "ones", "uniform", "xavier_uniform", "xavier_normal", "he_uniform", "he_normal")
    }
    return {
        **losses,
        **initial,
        "nn.normal": Verb(built(lambda scale: nn.Affine(2, init=nn.normal(scale)), features), {"scale": 0.1}),
        "Affine": Verb(built(nn.Affine, features), {"units": 2, "bias": True, "init": nn.he_normal}),
        "Conv2d": Verb(built(nn.Conv2d, images), {"channels": 2, "size": 3, "stride": 1, "padding": 0, "bias": True, "init": nn.he_normal}),
        "MaxPool2d": Verb(built(nn.MaxPool2d, images), window),
        "AvgPool2d": Verb(built(nn.AvgPool2d, images), window),
        "Maxout": Verb(built(nn.Maxout, features), {"units": 2, "pieces": 2, "init": nn.he_normal}),
        "Dropout": Verb(built(nn.Dropout, features), {"rate": 0.5}),
        "LeakyReLU": Verb(built(nn.LeakyReLU, features), {"slope": 0.1}),
        "ELU": Verb(built(nn.ELU, features), {"alpha": 0.1}),
        "BatchNorm": Verb(built(nn.BatchNorm, features), {"momentum": 0.1, "epsilon": 1e-5}),
        "LayerNorm": Verb(built(nn.LayerNorm, features), {"axes": 1, "epsilon": 1e-5}),
        "Function": Verb(built(nn.Function, features), {"function": g.tanh, "name": "bend"}),
        "Sequential": Verb(built(lambda first, second: nn.Sequential(first, named=second), features), {"first": nn.Affine(2), "second": g.tanh}),
        "Residual": Verb(built(lambda first, shortcut: nn.Residual(first, shortcut=shortcut), features), {"first": nn.Affine(3), "shortcut": None}),
        "Inception": Verb(built(lambda first, axis: nn.Inception(first, [nn.Affine(2)], axis=axis), features), {"first": nn.Affine(3), "axis": 1}),
        "Recurrent": Verb(built(nn.Recurrent, steps), {"units": 2, "activation": g.tanh, "last": True, "init": nn.he_normal}),
        "nn.Recurrent options": Verb(built(lambda **options: nn.Recurrent(2, **options), steps), cells),
        "LSTM": Verb(built(nn.LSTM, steps), {"units": 2, "last": True, "init": nn.he_normal, **cells}),
        "GRU": Verb(built(nn.GRU, steps), {"units": 2, "last": True, "init": nn.he_normal, **cells}),
        "nn.attention": Verb(nn.attention, {"q": steps, "k": steps, "v": steps, "mask": None, "causal": True, "scale": 0.5}),
        "Attention": Verb(built(nn.Attention, steps), {"heads": 1, "causal": True, "lengths": counts, "memory": steps, "bias": True, "init": nn.he_normal}),
        "TransformerBlock": Verb(built(nn.TransformerBlock, steps), {"heads": 1, "hidden": 4, "causal": True, "lengths": counts, "activation": g.tanh, "dropout": 0.1, "init": nn.he_normal}),
        "Embedding": Verb(built(nn.Embedding, counts), {"count": 3, "units": 2, "init": nn.he_normal, "dtype": "float64"}),
        "Positions": Verb(built(nn.Positions, steps), {"count": 9, "init": nn.he_normal}),
        "Conv1d": Verb(built(nn.Conv1d, steps), {"channels": 2, "size": 2, "stride": 1, "padding": 0, "bias": True, "init": nn.he_normal}),
        "Conv3d": Verb(built(nn.Conv3d, volumes), {"channels": 2, "size": 2, "stride": 1, "padding": 0, "bias": True, "init": nn.he_normal}),
        **{
            kind: Verb(built(getattr(nn, kind), x), {"channels": 2, "size": 2, "stride": 2, "padding": 0, "extra": 1, "bias": True, "init": nn.he_normal})
            for kind, x in (("ConvTranspose1d", steps), ("ConvTranspose2d", images), ("ConvTranspose3d", volumes))
        },
        "cross_entropy": Verb(nn.cross_entropy, {"logits": scores, "labels": labels, "reduction": "mean", "weight": np.ones(3), "ignore_index": -100, "label_smoothing": 0.1}),
        "negative_log_likelihood": Verb(nn.negative_log_likelihood, {"log_probabilities": scores, "labels": labels, "reduction": "mean", "weight": np.ones(3), "ignore_index": -100}),
        "l2": Verb(nn.l2, {"parameters": [target], "strength": 1.0}),
        "Model": Verb(nn.Model, {"layers": nn.Affine(2), "input": features, "seed": 0, "name": "m"}),
        "Model.call": Verb(model, {"x": features, "training": False}),
        "Model.predict": Verb(lambda X: model.predict(X), {"X": np.ones((2, 3))}),
        "Model.initialise": Verb(model.initialise, {"seed": 0}),
        "Model.save": Verb(model.save, {"path": folder() / "model.npz"}),
        "Model.load": Verb(model.load, {"path": written("own.npz", model.save)}),
        "Model.draw_masks": Verb(nn.Model(nn.Dropout(), features).draw_masks, {"rng": np.random.default_rng(0), "batch": {features: np.ones((2, 3))}}),
        "read_arrays": Verb(nn.read_arrays, {"path": arrays}),
        "write_arrays": Verb(nn.write_arrays, {"path": folder() / "w.npz", "arrays": {"a": np.ones(2)}}),
        "write_safetensors": Verb(nn.write_arrays, {"path": folder() / "w.safetensors", "arrays": {"a": np.ones(2)}}),
    }  # fmt: skip


def training() -> dict[str, Verb]:
    x, y, a = g.symbol("x", shape=("n",)), g.symbol("y", shape=("n",)), g.symbol("a", shape=())
    loss = g.mean((a * x - y) ** 2)
    data = {x: [1.0, 2.0], y: [3.0, 6.0]}
    history = train.History([{"epoch": 1, "loss": 0.5, "rate": 0.1}, {"epoch": 2, "loss": 0.25, "rate": 0.1}])

    def moved(kind: Any) -> Callable[..., Any]:
        return lambda **names: train.Step(train.Parameters({a: 0.0}), loss, kind(**names), [x, y])

    def fit(model: Any = None, **names: Any) -> Any:
        return train.fit(train.Parameters({a: 0.0}) if model is None else model, **names)

    def scheduled(kind: Any) -> Callable[..., Any]:
        return lambda **names: kind(**names)(0.1, history)

    def take(**names: Any) -> float:
        return train.Step(train.Parameters({a: 0.0}), loss, train.SGD(0.1), [x, y])(**names)

    idx = written("a-idx1-ubyte", lambda path: path.write_bytes(b"\0\0\x08\x01\0\0\0\x03abc"))
    return {
        "SGD": Verb(moved(train.SGD), {"rate": 0.1}),
        "Momentum": Verb(moved(train.Momentum), {"rate": 0.1, "momentum": 0.9}),
        "Nesterov": Verb(moved(train.Nesterov), {"rate": 0.1, "momentum": 0.9}),
        "RMSProp": Verb(moved(train.RMSProp), {"rate": 0.1, "decay": 0.9, "epsilon": 1e-8}),
        "Adam": Verb(moved(train.Adam), {"rate": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}),
        "AdamW": Verb(moved(train.AdamW), {"rate": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "decay": 0.1}),
        "Halving": Verb(scheduled(train.Halving), {"patience": 1, "monitor": "loss", "factor": 0.5, "gain": 0.0, "least": 0.0}),
        "StepDecay": Verb(scheduled(train.StepDecay), {"every": 1, "factor": 0.5}),
        "Cosine": Verb(scheduled(train.Cosine), {"epochs": 3, "least": 0.0}),
        "EarlyStop": Verb(lambda **names: train.EarlyStop(**names)(history), {"patience": 1, "monitor": "loss", "gain": 0.0}),
        "History": Verb(lambda records: train.History(records).series("loss"), {"records": history.records}),
        "History.series": Verb(history.series, {"name": "loss"}),
        "Batches": Verb(lambda **names: next(train.Batches(**names).epoch(0)), {"data": data, "size": 1, "seed": 0, "shuffle": True}),
        "Parameters": Verb(train.Parameters, {"begin": {a: 0.0}}),
        "make_step": Verb(lambda outputs, inputs, updates: train.make_step(outputs, inputs, updates), {"outputs": [loss], "inputs": [x, y, a], "updates": {a: a * 2}}),
        "Step": Verb(train.Step, {"model": train.Parameters({a: 0.0}), "loss": loss, "optimiser": train.SGD(0.1), "inputs": [x, y]}),
        "Step.call": Verb(take, {"batch": {x: np.ones(2), y: np.ones(2)}, "rate": 0.1, "masks": None}),
        "evaluate metrics": Verb(train.evaluate, {"model": train.Parameters({a: 0.0}), "metrics": {"m": loss}, "data": data}),
        "fit": Verb(fit, {"model": None, "loss": loss, "data": data, "optimiser": train.SGD(0.1), "epochs": 2, "every": 1, "batch": 1, "seed": 0, "shuffle": True, "schedule": None, "validation": None, "metrics": None, "stop": None, "checkpoint": None, "resume": False, "progress": False, "each": None}),
        "read_idx": Verb(train.read_idx, {"path": idx, "mmap": False}),
        "find_idx": Verb(train.find_idx, {"directory": folder(), "stem": "a-idx1-ubyte"}),
    }  # fmt: skip


def statistics() -> dict[str, Verb]:
    """Every function of every distribution, with numbers, and what is built on them."""
    x, tau = g.symbols("x tau")
    vectors = {
        "x": [0.2, 0.8],
        "alpha": [1.0, 2.0],
        "p": [0.5, 0.5],
        "mean": [0.0, 0.0],
        "L": np.eye(2),
        "R": np.eye(2),
    }
    own: dict[str, dict[str, Any]] = {
        "multinomial.logpmf": {**vectors, "x": [1.0, 2.0], "n": 3.0}, "dirichlet.logpdf": vectors,
        "multivariate_normal.logpdf": {**vectors, "cov": np.eye(2), "cholesky": None}, "lkj.logpdf": vectors, "lkj_cholesky.logpdf": vectors,
    }  # fmt: skip
    verbs: dict[str, Verb] = {}
    for name in stats.__all__:
        family = getattr(stats, name)
        for function in ("logpdf", "logpmf", "logpmf_of_logit", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"):
            call = getattr(family, function, None)
            if call is not None:
                given = own.get(f"{name}.{function}", {})
                parameters = inspect.signature(call).parameters
                verbs[f"{name}.{function}"] = Verb(call, {each: given.get(each, 0.5) for each in parameters})
                short = function.removeprefix("log")
                if function.startswith("log") and short in ("pdf", "pmf") and hasattr(family, short):
                    valid = {each: given.get(each, 0.5) for each in parameters}
                    verbs[f"{name}.{short}"] = Verb(getattr(family, short), valid)
    model = stats.Posterior(stats.norm.logpdf(x, 0.0, tau), {x: None, tau: stats.positive})
    return verbs | {
        "mixture_logpdf": Verb(stats.mixture_logpdf, {"weights": [0.5, 0.5], "logpdfs": [x, tau]}),
        "above": Verb(stats.above, {"least": 0.0}),
        "below": Verb(stats.below, {"greatest": 0.0}),
        "between": Verb(stats.between, {"least": 0.0, "greatest": 1.0}),
        "Posterior": Verb(stats.Posterior, {"logp": stats.norm.logpdf(x, 0.0, tau), "parameters": {x: None}, "data": {tau: 1.0}}),
        "Posterior.logp_and_grad": Verb(lambda u: model.logp_and_grad(u), {"u": [0.0, 1.0]}),
        "Posterior.pack": Verb(model.pack, {"values": {x: 0.0, "tau": 1.0}}),
        "Posterior.unpack": Verb(model.unpack, {"u": [0.0, 1.0]}),
    }  # fmt: skip


__all__ = ["networks", "statistics", "training"]
