"""Stages made few enough for a picture: silent functions left out, activations put with their layers, convolutions of one size in
one run, scopes collapsed, and what repeats drawn once with the number of times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from graphc.ir.scopes import Block
from graphc.viz.networks.stages import NetworkStage, renumbered, scopes_of

CONVOLUTIONS = ("conv", "up-conv")

POOLS = ("max-pool", "avg-pool")

_LONGEST_RUN = 6


def users_of(stages: Sequence[NetworkStage]) -> list[list[int]]:
    """Of each stage those that read it."""
    users: list[list[int]] = [[] for _ in stages]
    for number, stage in enumerate(stages):
        for before in stage.before:
            users[before].append(number)
    return users


def contracted(stages: list[NetworkStage]) -> list[NetworkStage]:
    """The stages without functions that say nothing, and with the others written at the layer that they follow."""
    stages = [
        replace(stage, before=[*stage.before], after=[*stage.after], weights={*stage.weights})
        for stage in stages
    ]
    now = list(range(len(stages)))  # stage → the one that stands for it
    count = [len(users) for users in users_of(stages)]
    for number, stage in enumerate(stages):
        stage.before = list(dict.fromkeys(now[before] for before in stage.before))
        if stage.kind != "function" or len(stage.before) != 1:
            continue
        to = stages[stage.before[0]]
        label = stage.label
        if not label and stage.weights and stage.block and stage.block != to.block:
            label = stage.block[-1].rstrip("0123456789")
        if (
            label
            and label not in to.after[-1:]
            and (to.kind == "input" or to.asked or count[stage.before[0]] > 1)
        ):
            stage.label = label
            if not (to.kind == "function" and to.label == label):
                continue
            label = ""
        if label and label not in to.after[-1:] and label != to.label:
            to.after.append(label)
        to.weights |= stage.weights
        to.end, to.asked = stage.end, to.asked or stage.asked
        if to.kind != "input" and len(stage.shape) == len(to.shape):
            to.shape = stage.shape
        now[number] = stage.before[0]
        count[stage.before[0]] += count[number] - 1
    return renumbered(stages, {number for number in range(len(stages)) if now[number] == number})


def collapsed(stages: list[NetworkStage], blocks: Collection[Block]) -> list[NetworkStage]:
    """The stages with those of some scopes drawn as one box each; a scope that its surroundings run through stays open."""
    for block in blocks:
        inside = {
            n
            for n, stage in enumerate(stages)
            if stage.block[: len(block)] == block and stage.kind != "input"
        }
        if len(inside) < 2 or _leads_back(stages, inside):
            continue
        last = max(inside)
        before = list(dict.fromkeys(b for n in sorted(inside) for b in stages[n].before if b not in inside))
        kind = "recurrent" if any(stages[n].kind == "recurrent" for n in inside) else "block"
        whole = NetworkStage(kind, block[-1], stages[last].shape, before, block)
        whole.weights = set().union(*(stages[n].weights for n in inside))
        for number, stage in enumerate(stages):
            if number not in inside:
                stage.before = list(dict.fromkeys(last if b in inside else b for b in stage.before))
        stages = [whole if n == last else stage for n, stage in enumerate(stages)]
        stages = renumbered(stages, set(range(len(stages))) - inside | {last})
    return stages


def _leads_back(stages: list[NetworkStage], inside: set[int]) -> bool:
    """Whether a way leads out of some stages and in again: they are no one thing."""
    reached: set[int] = set()
    for number, stage in enumerate(stages):
        if number in inside:
            if any(before in reached for before in stage.before):
                return True
        elif any(before in inside or before in reached for before in stage.before):
            reached.add(number)
    return any(number not in inside and number < max(inside) for number in reached)


def layers_in_one(stages: Sequence[NetworkStage]) -> list[Block]:
    """The scopes of layers that are one box unless they are opened: loops, and what multiplies data by data, as in attention."""
    loops = [stage.block for stage in stages if stage.kind == "recurrent"]
    products = [stage.block for stage in stages if stage.kind == "join" and stage.label == "·"]
    more = [b for b in products if any(s.block[: len(b)] != b and s.kind != "input" for s in stages)]
    return [block for block in dict.fromkeys((*loops, *more)) if block]


def levels(stages: Sequence[NetworkStage]) -> list[list[Block]]:
    """What may be collapsed for a page, one choice after another: the innermost scopes first."""
    depths = range(max((len(stage.block) for stage in stages), default=0), 0, -1)
    return [list(scopes_of(stages, lambda block, depth=depth: len(block) == depth)) for depth in depths]


def summed(stages: list[NetworkStage]) -> list[NetworkStage]:
    """The stages with sums of dense layers, x @ W + h @ U + b, as one dense layer of all that they read."""
    stages = [*stages]
    users = users_of(stages)
    gone: set[int] = set()
    for number, stage in enumerate(stages):
        parts = [stages[before] for before in stage.before]
        plain = all(part.kind == "dense" and not part.after and not part.asked for part in parts)
        alone = all(len(users[before]) == 1 for before in stage.before)
        if stage.kind == "join" and stage.label == "+" and len(parts) > 1 and plain and alone:
            before = list(dict.fromkeys(b for part in parts for b in part.before))
            weights = set().union(stage.weights, *(part.weights for part in parts))
            gone |= set(stage.before)
            stages[number] = replace(
                parts[0],
                before=before,
                after=stage.after,
                weights=weights,
                end=stage.end,
                asked=stage.asked,
                weight=None,
            )
    return renumbered(stages, set(range(len(stages))) - gone)


def in_runs(stages: list[NetworkStage]) -> list[NetworkStage]:
    """The stages with convolutions of one size that follow each other drawn as one box of slabs.

    In it are the pool behind them too, or the pool before them where something else leads on from there, and an up-convolution
    with what it is put together with.
    """
    users = users_of(stages)
    merged: set[int] = set()
    stages = [*stages]
    for number, stage in enumerate(stages):
        if number in merged or stage.kind not in (*CONVOLUTIONS, *POOLS):
            continue
        if stage.kind in POOLS and (len(stage.before) != 1 or len(users[stage.before[0]]) < 2):
            continue
        found = _run(stages, users, number)
        if len(found) > 1:
            parts = [stages[n] for n in found]
            before = list(dict.fromkeys(b for n in found for b in stages[n].before if b not in found))
            weights = set().union(*(part.weights for part in parts))
            whole = NetworkStage(
                "run", "", parts[-1].shape, before, parts[-1].block, parts=parts, weights=weights
            )
            stages[found[-1]] = replace(whole, asked=parts[-1].asked, end=parts[-1].end)
            merged |= set(found[:-1])
    return renumbered(stages, set(range(len(stages))) - merged)


def _run(stages: Sequence[NetworkStage], users: Sequence[Sequence[int]], number: int) -> list[int]:
    """The stages of a run that begins with one."""
    found = [number]
    while len(users[found[-1]]) == 1 and len(found) < _LONGEST_RUN and not stages[found[-1]].asked:
        last, after = stages[found[-1]], users[found[-1]][0]
        following = stages[after]
        convolution = following.kind == "conv" and len(following.before) == 1
        if following.kind in POOLS and len(following.before) == 1 and last.kind in CONVOLUTIONS:
            found.append(after)
            break
        joined = last.kind == "up-conv" and following.kind == "join" and following.label == "concat"
        same = convolution and last.kind == "conv" and following.shape == last.shape
        begins = convolution and len(found) <= 2 and (last.kind in POOLS or last.label == "concat")
        if not (joined or same or (begins and _rows(following) == _rows(last))):
            break
        found.append(after)
    if stages[number].kind in POOLS and len(found) == 1:
        return []
    return found


def _rows(stage: NetworkStage) -> object:
    return stage.shape[-2:] if len(stage.shape) == 4 else None


def blocks_alike(stages: list[NetworkStage]) -> list[NetworkStage]:
    """The stages with collapsed blocks that follow each other and are alike drawn once, the number of times before their name."""
    users = users_of(stages)
    gone: set[int] = set()
    stands_for: dict[int, int] = {}
    times: dict[int, int] = defaultdict(lambda: 1)
    for number, stage in enumerate(stages):
        if stage.kind != "block" or len(stage.before) != 1:
            continue
        (before,) = stage.before
        one = stages[before]
        name = [s.label.rstrip("0123456789") for s in (one, stage)]
        if (
            one.kind == "block"
            and name[0] == name[1]
            and one.shape == stage.shape
            and one.count == stage.count
            and len(users[before]) == 1
        ):
            stands_for[number] = stands_for.get(before, before)
            times[stands_for[number]] += 1
            gone.add(number)
    for first, count in times.items():
        stages[first] = replace(stages[first], label=f"{count} × {stages[first].label.rstrip('0123456789')}")
    for stage in stages:
        stage.before = [stands_for.get(before, before) for before in stage.before]
    return renumbered(stages, set(range(len(stages))) - gone)


def repeated(stages: list[NetworkStage]) -> tuple[list[NetworkStage], dict[int, tuple[int, int]]]:
    """Residual blocks that follow each other and are alike, drawn once.

    Returns the stages, and of those inside such a block the number of the block and how many of them it stands for.
    """
    users = users_of(stages)
    begins = {
        end: start for end in range(len(stages)) if (start := _residual(stages, users, end)) is not None
    }
    stands_for: dict[int, int] = {}
    times: dict[int, int] = defaultdict(lambda: 1)
    gone: set[int] = set()
    for end, start in begins.items():
        if start in begins and _alike(stages, (begins[start], start), (start, end)):
            stands_for[end] = stands_for.get(start, start)
            times[stands_for[end]] += 1
            gone |= set(range(start + 1, end + 1))
    for stage in stages:
        stage.before = [stands_for.get(before, before) for before in stage.before]
    kept = sorted(set(range(len(stages))) - gone)
    order = {old: new for new, old in enumerate(kept)}
    frames = {
        order[n]: (order[end], count) for end, count in times.items() for n in range(begins[end] + 1, end + 1)
    }
    return renumbered(stages, kept), frames


def _residual(stages: Sequence[NetworkStage], users: Sequence[Sequence[int]], end: int) -> int | None:
    """Where the block begins that ends at a sum with what went past it; None where it is none."""
    stage = stages[end]
    if stage.kind != "join" or stage.label != "+" or len(stage.before) != 2:
        return None
    start = min(stage.before)
    inside = range(start + 1, end)
    if any(b < start for n in inside for b in stages[n].before) or not inside:
        return None
    if any(user > end for n in inside for user in users[n]):
        return None
    return start


def _alike(stages: Sequence[NetworkStage], one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two blocks, each from what it begins with to its end, are built alike."""
    built = [
        [(_signature(stages[n]), [b - start for b in stages[n].before]) for n in range(start + 1, end + 1)]
        for start, end in (one, other)
    ]
    return built[0] == built[1]


def _signature(stage: NetworkStage) -> tuple[object, ...]:
    own = (stage.kind, stage.label, stage.shape, stage.kernel, stage.stride, tuple(stage.after))
    return (*own, *map(_signature, stage.parts))


__all__ = [
    "CONVOLUTIONS",
    "POOLS",
    "blocks_alike",
    "collapsed",
    "contracted",
    "in_runs",
    "layers_in_one",
    "levels",
    "repeated",
    "summed",
    "users_of",
]
