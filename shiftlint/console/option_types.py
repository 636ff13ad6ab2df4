"""Parsers for the text of options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

LEVELS = ("error", "warning", "info")


class NameType(click.ParamType[str]):
    """One of the names that a function returns; it is called only when they are needed."""

    name = "choice"

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; a usage error lists all names if it is unknown."""
        return click.Choice(self.names()).convert(value, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """All names, as in `click.Choice`."""
        return click.Choice(self.names()).get_metavar(param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin with `incomplete`."""
        return click.Choice(self.names()).shell_complete(ctx, param, incomplete)


class SizesType(click.ParamType[tuple[int, ...]]):
    """N, or one N per axis in array order (Z,Y,X), as a tuple of ints."""

    name = "N|Y,X"

    def __init__(self, minimum: int = 1) -> None:
        self.minimum = minimum

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Parse the text of an option."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"expected whole numbers such as 144 or 144,160, got {value!r}", param, ctx)
        if min(sizes) < self.minimum or len(sizes) > 3:
            self.fail(
                f"expected one to three numbers of at least {self.minimum}, got {value!r}",
                param,
                ctx,
            )
        return sizes


def split_codes(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """Split a comma-separated list."""
    return None if value is None else [part for part in value.split(",") if part.strip()]


def split_levels(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, str] | None:
    """Parse repeated CODE=LEVEL."""
    pairs = dict(value.partition("=")[::2] for value in values)
    for code, level in pairs.items():
        if level not in LEVELS:
            raise click.BadParameter(
                f"expected CODE=LEVEL with one of {', '.join(LEVELS)}, got {code}={level!r}",
                ctx,
                param,
            )
    return pairs or None
