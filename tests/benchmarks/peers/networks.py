"""Layers, optimisers and the training of LeNet by PyTorch, on the arrays of a file: `networks.py in.npz out.npz`.

Every key of the input is `case/name`; so is every key of the output.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

torch.set_num_threads(1)


F = torch.nn.functional


def recurrent(x, w, u, b, act=torch.tanh, last=True):
    h, states = torch.zeros((len(x), len(b)), dtype=x.dtype), []
    for step in range(x.shape[1]):
        h = act(x[:, step] @ w.T + (h @ u.T if step else 0) + b)
        states.append(h)
    return h if last else torch.stack(states, 1)


def cells(kind, layers, both, last, x, *given):
    """PyTorch's own layers with these weights; one of its two biases is 0 but where it stands behind the reset."""
    ways, each = ("", "_reverse") if both else ("",), 4 if kind is torch.nn.GRU else 3
    units = given[1].shape[1]
    module = kind(x.shape[2], units, layers, batch_first=True, bidirectional=both).to(x.dtype)
    names = [f"l{layer}{way}" for layer in range(layers) for way in ways]
    weights = {}
    for place, name in enumerate(names):
        inward, onward, bias, *new = given[place * each : (place + 1) * each]
        weights |= {f"weight_ih_{name}": inward, f"weight_hh_{name}": onward, f"bias_ih_{name}": bias}
        other = torch.zeros_like(bias)
        weights[f"bias_hh_{name}"] = torch.cat([other[: 2 * units], *new]) if new else other
    if not len(x):  # which PyTorch refuses
        return (x.sum() + sum(w.sum() for w in given)) * torch.zeros(
            (0, units * len(ways)) if last else (0, x.shape[1], units * len(ways)), dtype=x.dtype
        )
    out, _ = torch.func.functional_call(module, weights, (x,))
    return out[:, -1] if last else out


def attention(heads, causal, x, *given):
    def split(part, w, b):
        return F.linear(part, w, b).unflatten(2, (heads, -1)).transpose(1, 2)

    q, k, v = (split(x, *given[2 * place : 2 * place + 2]) for place in range(3))
    with torch.nn.attention.sdpa_kernel(
        torch.nn.attention.SDPBackend.MATH
    ):  # the others have no second derivatives
        out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return F.linear(out.transpose(1, 2).flatten(2), *given[6:])


def transformer(x, *given):
    w1, b1, *heads = given[:10]
    w2, b2, *rest = given[10:]
    x = x + attention(2, True, F.layer_norm(x, w1.shape, w1, b1), *heads)
    return x + F.linear(F.gelu(F.linear(F.layer_norm(x, w2.shape, w2, b2), *rest[:2])), *rest[2:])


def batch_norm(x, w, b, mean, variance, momentum):
    """Both forms and the running averages as one array."""
    running = mean.clone(), variance.clone()
    one = F.batch_norm(x, *running, w, b, True, momentum)
    two = F.batch_norm(x, mean, variance, w, b, False)
    # the running averages that F.batch_norm writes have no derivative: the same by formulas, held against them
    axes = (0, *range(2, x.ndim))
    after = (
        (1 - momentum) * mean + momentum * x.mean(axes),
        (1 - momentum) * variance + momentum * x.var(axes),
    )
    for written, computed in zip(running, after, strict=True):
        assert torch.allclose(written, computed.detach(), rtol=1e-14, atol=1e-14)
    return torch.cat([((one**2).sum() + (two**2).sum()).reshape(1), *after])


def inception(x, w1, b1, w2, b2, w3, b3):
    third = F.conv2d(F.conv2d(x, w2, b2), w3, b3, padding=1)
    return torch.cat([F.conv2d(x, w1, b1), third, F.max_pool2d(x, 3, 1, 1)], 1)


FURTHER = {
    "affine": F.linear,
    "maxout": lambda x, w, b: F.linear(x, w, b).reshape(len(x), 3, 2).amax(-1),
    "flatten": lambda x: x.flatten(1),
    "recurrent": recurrent,
    "recurrent, all": lambda *given: recurrent(*given, last=False),
    "recurrent, relu": lambda *given: recurrent(*given, act=torch.relu),
    "lstm": lambda *given: cells(torch.nn.LSTM, 1, False, True, *given),
    "lstm, all": lambda *given: cells(torch.nn.LSTM, 2, True, False, *given),
    "gru": lambda *given: cells(torch.nn.GRU, 1, False, True, *given),
    "gru, all": lambda *given: cells(torch.nn.GRU, 2, True, False, *given),
    "attention": lambda *given: attention(2, False, *given),
    "attention, causal": lambda *given: attention(4, True, *given),
    "transformer": transformer,
    "conv1d": lambda *given: F.conv1d(*given, 2, 1),
    "conv3d": lambda *given: F.conv3d(*given, (1, 2, 1), (1, 1, 0)),
    "transposed 1d": lambda *given: F.conv_transpose1d(*given, 2, 1, 1),
    "transposed 2d": lambda *given: F.conv_transpose2d(*given, 2, (1, 0), 1),
    "transposed 3d": lambda *given: F.conv_transpose3d(*given, (2, 1, 2), (0, 1, 1), (1, 0, 1)),
    "batch norm": lambda *given: batch_norm(*given, 0.2),
    "batch norm of features": lambda *given: batch_norm(*given, 0.1),
    "layer norm": lambda x, w, b: F.layer_norm(x, w.shape, w, b),
    "layer norm of images": lambda x, w, b: F.layer_norm(x, w.shape, w, b),
    "dropout": lambda x, mask: torch.where(mask, x / (1 - 0.3), 0.0),
    "relu": F.relu,
    "leaky relu": lambda x: F.leaky_relu(x, 0.1),
    "elu": lambda x: F.elu(x, 0.5),
    "gelu": F.gelu,
    "selu": F.selu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "softmax": lambda x: F.softmax(x, -1),
    "reduction layer": F.conv2d,
    "residual": lambda x, w1, b1, w2, b2: (
        x + F.conv2d(F.relu(F.conv2d(x, w1, b1, padding=1)), w2, b2, padding=1)
    ),
    "inception": inception,
    "cross entropy": F.cross_entropy,
    "negative log-likelihood": lambda z, labels: F.nll_loss(F.log_softmax(z, -1), labels),
    "squared error": lambda y, t: F.mse_loss(y, t, reduction="sum"),
    "mean squared error": F.mse_loss,
    "hinge": lambda y, t: F.relu(1 - t * y).mean(),
    "logistic": lambda y, t: F.soft_margin_loss(y, t),
    "l2": lambda z, _: 0.3 * (z**2).sum(),
}


def further(case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same of the other layers and of the losses."""
    leaves = [torch.tensor(case["x"], requires_grad=True)]
    leaves += [
        torch.tensor(case[key], requires_grad=True)
        for key in sorted(case, key=lambda key: (len(key), key))
        if key[0] == "p"
    ]
    others = [torch.tensor(case[key]) for key in sorted(case) if key[0] in "bmt"]
    return derived(case, leaves, FURTHER[str(case["kind"])](*leaves, *others))


def layer(case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Value, gradients and the gradient's derivative along a direction of Σ v·layer(x)³."""
    x = torch.tensor(case["x"], requires_grad=True)
    leaves = [x]
    numbers = [int(number) for number in case["numbers"]]
    stride, padding, size = numbers[:2], numbers[2:4], numbers[4:]
    if "kernel" in case:
        kernel = torch.tensor(case["kernel"], requires_grad=True)
        bias = torch.tensor(case["bias"], requires_grad=True)
        leaves += [kernel, bias]
        y = torch.nn.functional.conv2d(x, kernel, bias, stride, padding)
    else:
        pool = torch.nn.functional.max_pool2d if case["kind"] == "max" else torch.nn.functional.avg_pool2d
        y = pool(x, size, stride, padding)
    return derived(case, leaves, y)


def derived(case: dict[str, np.ndarray], leaves: list, y) -> dict[str, np.ndarray]:
    cost = (torch.tensor(case["v"]) * y**3).sum()
    gradients = torch.autograd.grad(cost, leaves, create_graph=True)
    along = sum((g * torch.tensor(case[f"u{place}"])).sum() for place, g in enumerate(gradients))
    linear = not getattr(along, "requires_grad", False)
    second = [None] * len(leaves) if linear else torch.autograd.grad(along, leaves, allow_unused=True)
    found = {"y": y.detach().numpy()}
    for place, (first, other) in enumerate(zip(gradients, second, strict=True)):
        found[f"first{place}"] = first.detach().numpy()
        found[f"second{place}"] = np.zeros(first.shape) if other is None else other.numpy()
    return found


OPTIMISERS = {
    "SGD": lambda w, rate: torch.optim.SGD(w, rate),
    "Momentum": lambda w, rate: torch.optim.SGD(w, rate, momentum=0.9),
    "Nesterov": lambda w, rate: torch.optim.SGD(w, rate, momentum=0.9, nesterov=True),
    "RMSProp": lambda w, rate: torch.optim.RMSprop(w, rate),
    "Adam": lambda w, rate: torch.optim.Adam(w, rate),
    "AdamW": lambda w, rate: torch.optim.AdamW(w, rate),
}


def lenet(case: dict[str, np.ndarray], dtype=None, layout=torch.contiguous_format) -> dict[str, np.ndarray]:
    """The losses of LeNet's steps from given weights on given batches."""
    case = {
        key: array.astype(dtype) if dtype and array.dtype == "f4" else array for key, array in case.items()
    }
    names = ["conv1", "conv2", "affine1", "affine2"]
    w = {
        key: torch.tensor(case[key], requires_grad=True)
        for name in names
        for key in (f"{name}.weight", f"{name}.bias")
    }
    images, labels = torch.tensor(case["images"]), torch.tensor(case["labels"])
    optimiser = OPTIMISERS[str(case["optimiser"])](list(w.values()), float(case["rate"]))
    losses = []
    for batch, wanted in zip(images, labels, strict=True):
        batch = batch.to(memory_format=layout)
        y = F.max_pool2d(F.conv2d(batch, w["conv1.weight"], w["conv1.bias"]), 2)
        y = F.max_pool2d(F.conv2d(y, w["conv2.weight"], w["conv2.bias"]), 2).flatten(1)
        y = F.linear(
            F.relu(F.linear(y, w["affine1.weight"], w["affine1.bias"])),
            w["affine2.weight"],
            w["affine2.bias"],
        )
        loss = F.cross_entropy(y, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return {"losses": np.array(losses)}


def variants(case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The losses of the same steps in other ways of PyTorch's own."""
    found = {"in float64": lenet(case, "f8"), "channels last": lenet(case, layout=torch.channels_last)}
    torch.set_num_threads(2)
    found["two threads"] = lenet(case)
    torch.set_num_threads(1)
    order = np.random.default_rng(0).permutation(case["images"].shape[1])
    turned = {**case, "images": case["images"][:, order], "labels": case["labels"][:, order]}
    found["rows in another order"] = lenet(turned)
    return {f"variant={name}": losses["losses"] for name, losses in found.items()}


def main() -> None:
    given: dict[str, dict[str, np.ndarray]] = {}
    with np.load(sys.argv[1], allow_pickle=False) as file:
        for key in file.files:
            case, _, name = key.partition("/")
            given.setdefault(case, {})[name] = file[key]
    found = {}
    for name, case in given.items():
        answer = lenet(case) if "images" in case else layer(case) if "numbers" in case else further(case)
        if "variants" in case:
            answer |= variants(case)
        found.update({f"{name}/{key}": array for key, array in answer.items()})
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
