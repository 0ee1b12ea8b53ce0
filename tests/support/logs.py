"""A notary's log in memory: it signs as a notary does, also what none may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.world import Key
from wallet.protocol import merkle
from wallet.protocol.batch import Group, sign_head
from wallet.protocol.cose import Signed
from wallet.protocol.leaf import Extent, Path
from wallet.protocol.log import KIND, Growth, LogHead
from wallet.protocol.merkle import Place, Range
from wallet.protocol.settlement import Consumption2


@dataclass
class Log:
    """Grows by leaves, each of one statement or of several; keeps complete subtrees, as a store does."""

    key: Key
    number: int = 0
    groups: list[Group[Consumption2]] = field(default_factory=list)
    nodes: dict[Place, bytes] = field(default_factory=dict)
    edge: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        return len(self.groups)

    def append(self, *leaves: Sequence[Consumption2]) -> None:
        groups = [Group.of(leaf) for leaf in leaves]
        made, self.edge = merkle.grown(self.size, self.edge, [group.leaf for group in groups])
        self.nodes |= made
        self.groups += groups

    def head(self, time: int, size: int | None = None) -> LogHead:
        """The head at a size that it has or had."""
        extent = Extent(size or self.size, time, self.number)
        root = self._root((0, extent.size))
        return LogHead(extent, root, sign_head(KIND, extent, root, self.key.sign))

    def shown(self, index: int, head: LogHead) -> tuple[Signed[Consumption2], ...]:
        """The statements of a leaf under a head."""
        ranges = merkle.inclusion_ranges(index, head.extent.size)
        path = Path(head.extent.size, index, tuple(self._root(leaves) for leaves in ranges))
        return self.groups[index].signed(head.extent, path, head.signature)

    def growth(self, first: int, second: int) -> Growth:
        """What it answers of how it grew."""
        path = tuple(self._root(leaves) for leaves in merkle.consistency_ranges(first, second))
        return Growth(self._root((0, first)), first, second, path)

    def _root(self, leaves: Range) -> bytes:
        return merkle.folded([self.nodes[place] for place in merkle.complete_subtrees(*leaves)])
