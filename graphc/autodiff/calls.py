"""Derivatives of calls: by a rule of the user's own, in both modes, or of the body as a whole, computed again where it is needed.

What a rule for reverse mode hands back is linear in the adjoints, and what one for forward mode gives is linear in the
directions: each is transposed to serve the other mode. A call without a rule is differentiated as a call of the derivative of
its body, which keeps nothing of the forward pass.

Source: Frostig, Johnson, Maclaurin, Paszke and Radul, Decomposing reverse-mode automatic differentiation (2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphc.autodiff.control import derivative_rules
from graphc.autodiff.loop_parts import keeping_little
from graphc.autodiff.reverse import reverse
from graphc.errors import GradientError
from graphc.ir.body import Body
from graphc.ir.expr import Expr, symbol
from graphc.ops.closures import CALL, call_results, floats
from graphc.ops.support.build import broadcast, zeros_like


def _refuse_captured(node: Expr, slots: Iterable[int]) -> None:
    name, _, _, _, count, _ = node.attrs
    for slot in slots:
        if slot >= count:
            raise GradientError(
                f"the derivative that {name} declares says nothing of {node.operands[slot]!r:.80}, which it uses from outside",
                node=repr(node),
                site=node.site,
                hint="make it an argument of the function, or write g.stop_gradient of it there",
            )


def _back(
    node: Expr, adjoints: Mapping[int, Expr], wanted: set[int], _: Any, counted: Mapping[int, Expr]
) -> dict[int, Expr]:
    _, body, rule, mode, count, _ = node.attrs
    if rule is None:
        return _body_back(node, adjoints, wanted)
    _refuse_captured(node, sorted(wanted))
    bars = [adjoints.get(k, _zeros_of(node, k)) for k in floats(body.outputs)]
    own = floats(body.inputs[:count])
    if mode != "jvp":
        backs = rule.of([*node.operands, *bars])
    else:
        seeds = [symbol(f"\2y{k}", x.shape, x.dtype) for k, x in enumerate(bars)]
        tangents = rule.inputs[len(body.inputs) :]
        record = reverse(rule.outputs, seeds, tangents)
        turned = Body([*rule.inputs, *seeds], [record.adjoint(t) for t in tangents])
        still = [zeros_like(node.operands[slot]) for slot in own]
        backs = turned.of([*node.operands, *still, *bars])
    return {slot: x for slot, x in zip(own, backs, strict=True) if slot in wanted}


def _zeros_of(node: Expr, number: int) -> Expr:
    """Zeros like another result of a node's call."""
    name, body, rule, mode, count, _ = node.attrs
    return zeros_like(call_results(name, body, node.operands, rule, mode, count)[number])


def _body_back(node: Expr, adjoints: Mapping[int, Expr], wanted: set[int]) -> dict[int, Expr]:
    name, body, *_ = node.attrs
    slots, numbers = sorted(wanted), sorted(adjoints)
    bars = [symbol(f"\2y{k}", body.outputs[k].shape, body.outputs[k].dtype) for k in numbers]
    inputs = [body.inputs[slot] for slot in slots]
    with keeping_little():
        record = reverse([body.outputs[k] for k in numbers], bars, inputs)
    back = Body([*body.inputs, *bars], [record.adjoint(x) for x in inputs])
    operands = [*node.operands, *(adjoints[k] for k in numbers)]
    results = call_results(name, back, operands, None, "again", len(node.operands))
    return dict(zip(slots, results, strict=True))


def _ahead(node: Expr, known: Mapping[Expr, Expr], forward: Any) -> Expr:
    name, body, rule, mode, count, result = node.attrs
    moving = [slot for slot, x in enumerate(node.operands) if x in known]
    if rule is None or mode == "back":
        dots = [symbol(f"\2t{slot}", x.shape, x.dtype) for slot, x in ((s, body.inputs[s]) for s in moving)]
        (change,) = forward(
            [body.outputs[result]], {body.inputs[s]: x for s, x in zip(moving, dots, strict=True)}
        )
        ahead = Body([*body.inputs, *dots], [change])
        operands = [*node.operands, *(known[node.operands[slot]] for slot in moving)]
        mode = "" if mode == "back" else mode
        return call_results(name, ahead, operands, None, mode, count)[0]
    _refuse_captured(node, moving)
    own, place = floats(body.inputs[:count]), floats(body.outputs).index(result)
    along = [known[x] if x in known else zeros_like(x) for x in (node.operands[slot] for slot in own)]
    if mode == "jvp":
        return rule.of([*node.operands, *along])[place]
    bars = rule.inputs[len(body.inputs) :]
    seeds = [symbol(f"\2t{k}", x.shape, x.dtype) for k, x in enumerate(along)]
    record = reverse(rule.outputs, seeds, [bars[place]])
    turned = Body([*rule.inputs, *seeds], [record.adjoint(bars[place])])
    still = [_zeros_of(node, k) for k in floats(body.outputs)]
    return broadcast(turned.of([*node.operands, *still, *along])[0], node)


derivative_rules(CALL, _back, _ahead)

__all__: list[str] = []
