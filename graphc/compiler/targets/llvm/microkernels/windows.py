"""Windows laid over images, as in `graphc.ops.support.windows`, for machine code: lengths, and images with what stands around."""

from __future__ import annotations

from typing import Any

from graphc.compiler.targets.llvm.loop_builder import LoopBuilder
from graphc.util.records import dataclass


@dataclass(frozen=True)
class Windows:
    """Windows of a size that are laid over images of some channels.

    space : rows and columns of the image; padding : what stands around, ((top, bottom), (left, right))
    """

    channels: int
    space: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]

    @property
    def padded(self) -> bool:
        """Whether anything stands around."""
        return any(length for side in self.padding for length in side)

    @property
    def whole(self) -> tuple[int, int]:
        """Rows and columns with what stands around."""
        return (self.space[0] + sum(self.padding[0]), self.space[1] + sum(self.padding[1]))

    @property
    def places(self) -> tuple[int, int]:
        """The places for a window along rows and columns."""
        rows, columns = (
            (length - size) // step + 1
            for length, size, step in zip(self.whole, self.size, self.stride, strict=True)
        )
        return rows, columns

    @property
    def plane(self) -> int:
        """Elements of a channel."""
        return self.space[0] * self.space[1]

    @property
    def area(self) -> int:
        """Elements of a window in one channel."""
        return self.size[0] * self.size[1]

    @property
    def fits(self) -> bool:
        """Whether there is a place at all."""
        return all(size <= length for size, length in zip(self.size, self.whole, strict=True))


def windows_of(channels: int, space: Any, size: Any, stride: Any, padding: Any) -> Windows:
    """The windows, from an operation's static arguments."""
    return Windows(channels, tuple(space), tuple(size), tuple(stride), padding)


def surround(
    w: LoopBuilder, windows: Windows, target: str, source: str, value: str, first: str, count: str
) -> None:
    """Copy a channel into a plane with `value` around it: `count` rows of the plane, from its row `first` on."""
    (rows, columns), (top, _), (left, _) = windows.space, *windows.padding
    wide = windows.whole[1]
    total = w.mul(count, str(wide))
    if value == "0.0":
        w.clear(target, total)
    else:
        w.loop(total, lambda k: w.store(value, target, k))
    low = w.greatest("0", w.add(first, str(-top)))
    high = w.least(str(rows), w.add(first, count, str(-top)))

    def row(k: str) -> None:
        place = w.add(w.mul(w.add(k, w.mul(first, "-1")), str(wide)), str(top * wide + left))
        w.copy(w.at(target, place), w.at(source, w.mul(k, str(columns))), str(columns))

    w.loop(high, row, low)
