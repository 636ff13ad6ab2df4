"""Sets of paddings that grow along a network, united without being copied.

Of n padded convolutions in a row the k-th has a set of k nodes. A set is kept as what it was united
from: then n sets take n steps, and only who asks which nodes are in one walks through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shiftlint.contract.values import Padding


@dataclass(frozen=True, slots=True, eq=False)
class Paddings:
    """A set of paddings: one of its own, and those of its parts.

    Attributes
    ----------
    own : Padding, optional
    parts : tuple of Paddings
    unnamed : bool
        Whether a padding in it has no node yet: its transfer function does not know it.
    """

    own: Padding | None = None
    parts: tuple[Paddings, ...] = ()
    unnamed: bool = False

    def __bool__(self) -> bool:
        return self.own is not None or bool(self.parts)

    def __or__(self, other: Paddings) -> Paddings:
        if self is other or not other:
            return self
        return Paddings(None, (self, other), self.unnamed or other.unnamed) if self else other

    def __iter__(self) -> Iterator[Padding]:
        """Every padding once."""
        given: set[Padding] = set()
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            one = waiting.pop()
            if id(one) not in seen:
                seen.add(id(one))
                waiting += one.parts
                if one.own is not None and one.own not in given:
                    given.add(one.own)
                    yield one.own

    def also(self, kind: str) -> Paddings:
        """The set with one more padding of this kind, whose node is still to be named."""
        return Paddings(Padding("", "", kind), (self,) if self else (), True)

    def named(self, node: str, op: str) -> Paddings:
        """The set with the node filled in where it is missing."""
        if not self.unnamed:
            return self
        own = (
            Padding(node, op, self.own.kind)
            if self.own is not None and not self.own.node
            else self.own
        )
        return Paddings(
            own, tuple([part.named(node, op) if part.unnamed else part for part in self.parts])
        )


NO_PADDING = Paddings()
