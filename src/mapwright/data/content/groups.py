"""Groups that grow together, pair by pair."""

from __future__ import annotations

from collections import defaultdict


class Groups:
    """Positions 0 to n - 1, each a group of its own at first.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def leader(self, position: int) -> int:
        """The lowest position of a group, the same for all of its members."""
        while self._above[position] != position:
            self._above[position] = self._above[self._above[position]]  # halves later ways
            position = self._above[position]
        return position

    def joined(self, first: int, second: int) -> bool:
        """Whether two positions are of one group."""
        return self.leader(first) == self.leader(second)

    def join(self, first: int, second: int) -> None:
        """Make two groups one."""
        low, high = sorted((self.leader(first), self.leader(second)))
        self._above[high] = low

    def members(self) -> list[tuple[int, ...]]:
        """Groups of two and more, each in order, by their first member."""
        found: dict[int, list[int]] = defaultdict(list)
        for position in range(len(self._above)):
            found[self.leader(position)].append(position)
        return [tuple(group) for group in found.values() if len(group) > 1]
