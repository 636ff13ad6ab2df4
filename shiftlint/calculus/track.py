"""A track: how one factor of a dimension follows an axis of the image."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from shiftlint.calculus.padding_set import NO_PADDING, Paddings
from shiftlint.calculus.relation import IDENTITY, Relation
from shiftlint.contract.values import EXACT, Inexact

BY_PLACE = Inexact(place=True)


class Track(NamedTuple):
    """How one atom follows an axis of the image.

    A tuple, because tracks and atoms are created by the million.

    Attributes
    ----------
    axis : int
        Axis of the image input.
    relation : Relation
        To that axis, in px of the image.
    border : (before, after)
        Elements at each end that padding reaches, or would reach if the axis were long enough.
    padding : Paddings
        The nodes whose padding reaches them; empty if the border is.
    rounding : Inexact
        Rounding so far that depends on the position.
    whole : int
        Set if the axis is one element that weighs all elements of an axis equally (an average over
        a whole static map): the period of that axis. If this element is spread over an axis of the
        image again, it is a global dependence, not a positional one.
    """

    axis: int
    relation: Relation = IDENTITY
    border: tuple[int, int] = (0, 0)
    padding: Paddings = NO_PADDING
    rounding: Inexact = EXACT
    whole: int = 0

    def by_place(self) -> Track:
        """The same track after a function whose rounding depends on the position."""
        return self._replace(rounding=self.rounding.then(BY_PLACE))


def resample(
    track: Track,
    size: int,
    relation: Relation,
    new_size: int,
    *,
    kind: str,
    rounding: Inexact = EXACT,
) -> Track:
    """The track of a new axis of `new_size` elements that reads this one, of `size`, by `relation`.

    Elements whose windows leave the axis or meet its border become border; `kind` names the padding
    outside ("zeros", "reflect", …), and the interpreter fills in its node.
    """
    inner = border_of(relation, track.border, size, new_size)
    outside = (
        inner if track.border == (0, 0) else border_of(relation, (0, 0), size, new_size)
    ) != (0, 0)
    padding = track.padding if inner != (0, 0) else NO_PADDING
    if outside:
        padding = padding.also(kind)
    return Track(
        track.axis, relation.then(track.relation), inner, padding, track.rounding.then(rounding)
    )


@lru_cache(maxsize=4096)  # axes that behave alike, layers of one size
def border_of(
    relation: Relation, border: tuple[int, int], size: int, new_size: int
) -> tuple[int, int]:
    """Count the border of a new axis: up to the last element with a window outside the clean part.

    `size` and `border` belong to the axis that is read; its clean part is border[0] … size -
    border[1] - 1. The counts may exceed an axis without clean elements: they do not depend on its
    size.
    """
    first_clean, last_clean = border[0], size - border[1] - 1
    before, end = 0, new_size
    for phase, reads in enumerate(relation.reads):
        if reads is None:
            continue
        # last k whose window starts too early, first k whose window ends too late
        below = -(-(first_clean - reads[0]) // relation.period) - 1
        above = (last_clean - reads[1]) // relation.period + 1
        before = max(before, relation.step * below + phase + 1)
        end = min(end, relation.step * above + phase)
    return before, new_size - end
