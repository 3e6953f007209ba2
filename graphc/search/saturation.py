"""Proposals made at every class of an e-graph: where patterns match, and what comes of it.

A pattern is read once into steps, each of which takes an operation apart into the classes of its operands: the abstract machine
of de Moura and Bjørner, Efficient E-matching for SMT solvers (CADE 2007). Next comes always the part that leaves the fewest new
names open, so that a·a + b·b is looked for before the b·c − a·d above it, of which there are hundreds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from graphc.ir.op import Op
from graphc.search.clock import Clock
from graphc.search.egraph import COMMUTATIVE, EGraph, Key, Pattern


@dataclass(frozen=True)
class MatchStep:
    """A class taken apart: by an operation, into the classes of its operands, and what these have to be.

    place : where the class stands; operands : where those of its operands are put
    made : (place, operation) of operands that are taken apart later; same : (place, earlier place) of names met before
    numbers : (place, value)
    """

    op: Op
    place: int
    operands: tuple[int, ...]
    made: tuple[tuple[int, str], ...]
    same: tuple[tuple[int, int], ...]
    numbers: tuple[tuple[int, float], ...]

    def fits(self, graph: EGraph, taken: list[int]) -> bool:
        """Whether the operands can be what the pattern says."""
        for place, name in self.made:
            if taken[place] not in graph.by_op[name] or graph.classes[taken[place]].is_number:
                return False
        for place, other in self.same:
            if taken[place] != taken[other]:
                return False
        return not self.numbers or all(
            graph.known_number(value) == taken[place] for place, value in self.numbers
        )


class Matcher:
    """A pattern made ready to be looked for.

    names : of the classes that it leaves open, in the order in which they are met
    """

    def __init__(self, pattern: Pattern) -> None:
        self.op: Op = pattern[0]
        self.size = 1
        self.steps: list[MatchStep] = []
        met: dict[str, int] = {}
        waiting = [(0, pattern)]
        while waiting:
            place, part = min(waiting, key=lambda each: len(_names(each[1]) - met.keys()))
            waiting.remove((place, part))
            waiting += self._step(part, place, met)
        self.names: tuple[str, ...] = tuple(met)
        self._open: tuple[int, ...] = tuple(met.values())

    def _step(self, pattern: Pattern, place: int, met: dict[str, int]) -> list[tuple[int, Pattern]]:
        """The step that takes an operation apart, and the operations among its operands with where they stand."""
        operands = tuple(range(self.size, self.size + len(pattern) - 1))
        self.size += len(operands)
        inner, same, numbers = [], [], []
        for at, part in zip(operands, pattern[1:], strict=True):
            if type(part) is tuple:
                inner.append((at, part))
            elif type(part) is float:
                numbers.append((at, part))
            elif part in met:
                same.append((at, met[part]))
            else:
                met[part] = at
        made = tuple([(at, part[0].name) for at, part in inner])
        self.steps.append(MatchStep(pattern[0], place, operands, made, tuple(same), tuple(numbers)))
        return inner

    def matches(self, graph: EGraph, number: int, most: int, looks: int) -> list[dict[str, int]]:
        """The first ways in which a class is of the form of the pattern.

        most : of them; looks : how many ways to write a class are looked at
        """
        number = graph.find(number)
        if number not in graph.by_op[self.op.name] or graph.classes[number].is_number:
            return []
        found: list[dict[str, int]] = []
        taken = [number] * self.size
        find, classes, steps = graph.find, graph.classes, self.steps
        last = len(steps)

        def taken_apart(at: int) -> bool:
            """Go on with a step; whether there is more to be found."""
            nonlocal looks
            if at == last:
                found.append({name: taken[place] for name, place in zip(self.names, self._open, strict=True)})
                return len(found) < most
            step = steps[at]
            op, operands = step.op, step.operands
            turned = op.name in COMMUTATIVE
            for key in classes[taken[step.place]].keys:
                if key[0] is not op:
                    continue
                looks -= 1
                if looks < 0:
                    return False
                for ordered in _orders(key, turned):
                    for place, operand in zip(operands, ordered, strict=True):
                        taken[place] = find(operand)
                    if step.fits(graph, taken) and not taken_apart(at + 1):
                        return False
            return True

        taken_apart(0)
        return found


def _names(pattern: Pattern) -> set[str]:
    """The names in a pattern."""
    if type(pattern) is not tuple:
        return {pattern} if type(pattern) is str else set()
    return set().union(*map(_names, pattern[1:]))


def _orders(key: Key, turned: bool) -> tuple[tuple[int, ...], ...]:
    """The operands of a key, and the other way round where that is the same value."""
    operands = key[1:]
    if turned and operands[0] != operands[1]:
        return operands, (operands[1], operands[0])
    return (operands,)


@dataclass(frozen=True)
class Proposal:
    """A rule: two patterns with one value. Those that are `eager` lead to forms that keep digits; others carry terms about."""

    before: Pattern
    after: Pattern
    text: str
    eager: bool = True

    @cached_property
    def matcher(self) -> Matcher:
        return Matcher(self.before)


def saturate(
    graph: EGraph, proposals: Sequence[Proposal], rounds: int, clock: Clock, share: float, most: int = 10**9
) -> set[str]:
    """Every proposal made at every class, round after round, until there is no room or nothing new.

    most : keys at which it ends, of those that the graph has room for. Each proposal is made so often in a round at most that no
    other is starved. Returns the texts of those that led to something.
    """
    used: set[str] = set()
    room = min(most, graph.most)
    for number in range(rounds):
        before = len(graph)
        for rule in proposals:
            often = (EAGER if rule.eager else PATIENT) << number
            if not rule.eager and len(graph) > room * (number + 1) // (rounds + 1):
                continue
            if graph.full or len(graph) >= most or clock.over(share):
                return used
            if _made(graph, rule, often, clock, share):
                used.add(rule.text)
        if len(graph) == before:
            break
    return used


EAGER, PATIENT = 24, 5
"""How often a proposal is made in the first round: one that keeps digits, one that carries terms about; later twice as often."""
MATCHES, LOOKS, KEYS = 48, 200, 3000
"""Of a proposal: matches at one class and in one round; keys at a class, where deep patterns have millions of ways to match."""


def _made(graph: EGraph, rule: Proposal, often: int, clock: Clock, share: float) -> int:
    """Make one proposal at every class, so often at most that it leads to something new; how often it did."""
    made = looked_at = 0
    for place in list(graph.by_op.get(rule.before[0].name, ())):
        if graph.find(place) != place:
            continue
        if clock.over(share):
            break
        for bound in rule.matcher.matches(graph, place, MATCHES, KEYS):
            sign = (rule.text, place, *bound.values())
            if sign in graph.tried:
                continue
            graph.tried.add(sign)
            looked_at += 1
            if graph.full or looked_at > LOOKS:
                return made
            size = len(graph)
            new = graph.build(rule.after, bound)
            if new is not None and graph.find(new) != graph.find(place):
                graph.join(place, new)
            made += len(graph) > size
            if made >= often:
                return made
    return made


__all__ = ["Matcher", "Proposal", "saturate"]
