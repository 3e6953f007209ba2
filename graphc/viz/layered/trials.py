"""What several layouts of much the same view have in common: texts as they are drawn, columns, orders.

A picture that is fitted to a page is laid out in one size after another, to the right and down, with and without values. Its
texts are set once for a look, and its columns and its order, which know of no sizes, are found once for a structure.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from graphc.viz.layered.drawn import DrawnPart
from graphc.viz.layered.layers import Layers, layers
from graphc.viz.layered.network import Network
from graphc.viz.layered.ordering import Ordering
from graphc.viz.layered.parts import Filled


@dataclass
class LayoutTrials:
    """Layouts that share what they find.

    draft : whether an order is taken as soon as nothing moves any more, without a search for fewer crossings
    better : whether such a search might change the last layout
    texts : by how it is written, what is drawn of a label
    """

    draft: bool = False
    better: bool = False
    texts: dict[Hashable, DrawnPart | None] = field(default_factory=dict)
    _columns: dict[Hashable, Layers | None] = field(default_factory=dict)
    _orders: dict[Hashable, Ordering] = field(default_factory=dict)

    def layers(self, network: Network) -> Layers | None:
        """The columns of a network, as `layers` finds them."""
        key = _structure(network)
        if key not in self._columns:
            self._columns[key] = layers(network)
        return self._columns[key]

    def ordered(self, network: Network, filled: Filled, gaps: int) -> Ordering | None:
        """The order of a network; None where a line leads over a frame in all that were found."""
        key = _structure(network)
        ordering = self._orders.get(key)
        if ordering is None:
            ordering = self._orders[key] = Ordering(network, filled, gaps)
        clear = ordering.improve(self.draft)
        self.better = self.better or not ordering.done
        return ordering if clear else None


def _structure(network: Network) -> Hashable:
    """All that columns and order depend on, which is no size."""
    return (
        tuple((vertex.block, vertex.first, frozenset(vertex.entries)) for vertex in network.vertices),
        tuple((line.tail, line.head, line.slot, line.label is None, line.back) for line in network.lines),
        network.fixed,
    )


__all__ = ["LayoutTrials"]
