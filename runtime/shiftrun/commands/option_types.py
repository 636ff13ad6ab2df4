"""The click types that parse options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from shiftrun.model.open_model import TileWish


class TileSize(click.ParamType[Any]):
    """`auto`, one size or one per axis in array order, such as 496 or 16,256,256."""

    name = "N|Y,X|auto"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> TileWish:
        """Read the text of the option."""
        if not isinstance(value, str) or value == "auto":
            return value  # type: ignore[no-any-return]
        try:
            sizes = tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"expected px such as 496 or 256,512, or auto, got {value!r}.", param, ctx)
        if min(sizes) < 1:
            self.fail(f"expected 1 px or more, got {value!r}.", param, ctx)
        return sizes[0] if len(sizes) == 1 else sizes


class Memory(click.ParamType[Any]):
    """A number of bytes, such as 800MB, 2GB or 1.5GiB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text of the option."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9.]+)\s*(|[KMGT]i?)B?", str(value).strip(), re.IGNORECASE)
        try:
            number = float(found[1]) if found else 0.0
        except ValueError:
            number = 0.0
        if not found or number <= 0:
            self.fail(f"expected a size such as 800MB or 2GB, got {value!r}.", param, ctx)
        unit = found[2].upper()
        return int(
            number
            * (1024 if unit.endswith("I") else 1000) ** ("KMGT".index(unit[0]) + 1 if unit else 0)
        )


class RegionBox(click.ParamType[Any]):
    """A px range per spatial axis in array order, such as 0:512,100:300; ends may be open."""

    name = "Y0:Y1,X0:X1"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[slice, ...]:
        """Read the text of the option."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        found = [re.fullmatch(r"\s*(\d*):(\d*)\s*", part) for part in value.split(",")]
        if not all(found):
            self.fail(f"expected ranges such as 0:512,100:300, got {value!r}.", param, ctx)
        ends = [[int(end) if end else None for end in match.groups()] for match in found if match]
        return tuple(slice(start, stop) for start, stop in ends)


class Axes(click.ParamType[Any]):
    """The letters of the axes of a file, such as TCZYX."""

    name = "LETTERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the text of the option."""
        letters = str(value).upper()
        if letters and (not letters.isalpha() or len(set(letters)) != len(letters)):
            self.fail(f"expected different letters such as TCZYX, got {value!r}.", param, ctx)
        return letters
