"""How one factor of a dimension follows an axis of the image."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from shiftlint.calculus.padding_set import NO_PADDING, Paddings
from shiftlint.calculus.relation import IDENTITY, Relation
from shiftlint.contract.values import EXACT, Inexact

if TYPE_CHECKING:
    pass


BY_PLACE = Inexact(place=True)


class Track(NamedTuple):
    """How one atom follows an axis of the image. (Tracks and atoms are made by the million; tuples
    are made fast.)

    Attributes
    ----------
    axis : int
        Of the network's image input.
    relation : Relation
        To that axis, in px of the image.
    border : (before, after)
        Elements at either end that padding reaches, or would reach if the axis were long enough.
    padding : Paddings
        The nodes whose padding reaches them; empty where the border is.
    rounding : Inexact
        What behind it is rounded by its place.
    whole : int
        Set where the axis is one element that weighs all elements of an axis alike (an average over
        a whole static map): the period of that axis. Spread over an axis of the image again, it is
        a global dependence, not a place.
    """

    axis: int
    relation: Relation = IDENTITY
    border: tuple[int, int] = (0, 0)
    padding: Paddings = NO_PADDING
    rounding: Inexact = EXACT
    whole: int = 0

    def by_place(self) -> Track:
        """The same behind a function that is rounded by its place."""
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
    """The track of a new axis of `new_size` elements that reads this one of `size` elements by
    `relation`.

    Elements whose windows leave the axis or meet its border become border; `kind` names the padding
    that fills what is outside ("zeros", "reflect", …), its node is filled in by the interpreter.
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


@lru_cache(maxsize=4096)  # axes that are alike, layers of one size
def border_of(
    relation: Relation, border: tuple[int, int], size: int, new_size: int
) -> tuple[int, int]:
    """Count the elements of either end of a new axis up to the last whose window is not within the
    clean part of the old.

    `size` and `border` belong to the axis that is read; the clean part is border[0] … size -
    border[1] - 1. The counts go on beyond an axis without any clean element: they do not depend on
    its size.
    """
    first_clean, last_clean = border[0], size - border[1] - 1
    before, end = 0, new_size
    for phase, reads in enumerate(relation.reads):
        if reads is None:
            continue
        below = (
            -(-(first_clean - reads[0]) // relation.period) - 1
        )  # last k whose window starts too early
        above = (last_clean - reads[1]) // relation.period + 1  # first k whose window ends too late
        before = max(before, relation.step * below + phase + 1)
        end = min(end, relation.step * above + phase)
    return before, new_size - end
