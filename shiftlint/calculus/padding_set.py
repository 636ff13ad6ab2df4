"""Sets of paddings that grow along a network; a union does not copy them.

In a chain of n padded convolutions, the k-th has a set of k nodes. A set stores the sets it was
united from: n sets take n steps, and only iteration visits all members.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shiftlint.contract.values import Padding


@dataclass(frozen=True, slots=True, eq=False)
class Paddings:
    """A set of paddings: its own, and those of its parts.

    Attributes
    ----------
    own : Padding, optional
    parts : tuple of Paddings
    unnamed : bool
        Whether a padding in it has no node yet, because its transfer function does not know it.
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
        """The set with one more padding of this kind, whose node is not named yet."""
        return Paddings(Padding("", "", kind), (self,) if self else (), True)

    def named(self, node: str, op: str) -> Paddings:
        """The set with the missing nodes filled in."""
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
