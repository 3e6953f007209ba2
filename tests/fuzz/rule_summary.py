"""What sweeps over the rules found, as plain numbers and texts: those of several processes and of several runs count together."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REASONS = ("", "luck", "overflow", "sign", "NaN", "kink")

MOST_SHOWN = 20
"""Failures of a rule whose texts are kept."""


@dataclass
class Summary:
    chunks: list[str] = field(default_factory=list)
    """what was run, so that nothing counts twice"""
    tried: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    """outputs for each rule, by the reason"""
    opinions: Counter[str] = field(default_factory=Counter)
    blamed: dict[str, int] = field(default_factory=dict)
    shown: dict[str, list[str]] = field(default_factory=dict)
    """the shortest failures for each rule that is to blame"""

    @property
    def failed(self) -> int:
        return sum(counts[""] for counts in self.outcomes.values())

    def note(self, rule: str, reason: str) -> None:
        self.outcomes.setdefault(rule, Counter())[reason] += 1

    def blame(self, rule: str, texts: list[str]) -> None:
        self.blamed[rule] = self.blamed.get(rule, 0) + len(texts)
        self.shown[rule] = sorted([*self.shown.get(rule, []), *texts], key=len)[:MOST_SHOWN]

    def add(self, other: Summary) -> None:
        again = set(self.chunks) & set(other.chunks)
        if again:
            raise ValueError(f"{sorted(again)[0]} is counted already")
        self.chunks += other.chunks
        self.tried.update(other.tried)
        self.opinions.update(other.opinions)
        for rule, counts in other.outcomes.items():
            self.outcomes.setdefault(rule, Counter()).update(counts)
        for rule, count in other.blamed.items():
            self.blame(rule, other.shown.get(rule, []))
            self.blamed[rule] += count - len(other.shown.get(rule, []))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self), indent=1, ensure_ascii=False))

    def report(self, show: int) -> str:
        headings = "".join(f"{reason or 'failed':>10}" for reason in REASONS)
        lines = [f"{'programs around':40} {'tried':>7}{headings}   (outputs)"]
        total: Counter[str] = Counter()
        for rule, counts in self.outcomes.items():
            lines.append(_row(rule, self.tried[rule], counts))
            total.update(counts)
        lines.append(_row(f"all {len(self.tried)} rules", sum(self.tried.values()), total))
        opinions = ", ".join(f"{count} {word}" for word, count in self.opinions.items())
        lines.append("mpmath alone on what failed: " + (opinions or "nothing to check"))
        for rule, count in sorted(self.blamed.items(), key=lambda item: -item[1]):
            lines.append(f"\n{rule}: {count}")
            lines += ["  " + text.replace("\n", "\n  ") for text in self.shown[rule][:show]]
        return "\n".join(lines)


def _row(name: str, count: int, counts: Counter[str]) -> str:
    return f"{name:40} {count:7}" + "".join(f"{counts[reason]:10}" for reason in REASONS)


def load(path: Path) -> Summary:
    """A summary from its file; an empty one where there is none."""
    if not path.exists():
        return Summary()
    plain: dict[str, Any] = json.loads(path.read_text())
    return Summary(
        plain["chunks"],
        Counter(plain["tried"]),
        {rule: Counter(counts) for rule, counts in plain["outcomes"].items()},
        Counter(plain["opinions"]),
        plain["blamed"],
        plain["shown"],
    )


__all__ = ["REASONS", "Summary", "load"]
