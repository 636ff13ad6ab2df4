"""The axes of a file: spatial axes of the network, channels, and axes of a series."""

from __future__ import annotations

from dataclasses import dataclass

from shiftlint.errors import InputError

SPATIAL = "ZYX"
UNNAMED = "QI"  # tifffile's names for axes that the file does not name
NAMES = {1: "gray", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The axes of a file.

    Attributes
    ----------
    spatial : str
        The last letters of "ZYX".
    order : tuple of int
        The file's axis for each of (C, *spatial); -1: no channel axis.
    fixed : tuple of (axis, index)
        Other axes, cut at one index: the selected channel.
    series : str
        The letters of the axes of the series, time first, depth last.
    series_axes : tuple of int
        These axes of the file.
    """

    spatial: str
    order: tuple[int, ...]
    fixed: tuple[tuple[int, int], ...]
    series: str
    series_axes: tuple[int, ...]


def layout_of(
    shape: tuple[int, ...],
    names: str,
    dimensions: int,
    channels: int | None,
    *,
    where: str,
    asked: str = "",
    channel: int | None = None,
) -> Layout:
    """The layout of a file for a network with `dimensions` spatial axes and `channels` channels.

    `channels` None: any number. Axes of length 1 that are not needed are dropped.

    Parameters
    ----------
    shape, names : sizes and letters of the file's axes; "" where the file has no names
    dimensions, channels
    where : str
        The name of the file in errors.
    asked : str
        The user's letters, instead of `names`.
    channel : int, optional

    Raises
    ------
    InputError
        An axis of the network is missing; axes have no names; the network does not take the
        channels.
    """
    wanted = SPATIAL[-dimensions:]
    if asked and (len(asked) != len(shape) or len(set(asked)) != len(asked)):
        raise InputError(
            f"wrong axes ({where}, --axes): expected {len(shape)} different letters for shape "
            f"{_sizes(shape)}, got {asked}."
        )
    axes = asked or names or _npy_axes(shape, wanted)
    keep = [i for i, name in enumerate(axes) if name in wanted or shape[i] != 1]
    letters = "".join(axes[i] for i in keep)
    if "C" not in letters:
        letters = letters.replace("S", "C")
    if not asked:
        letters = _guessed(letters, [shape[i] for i in keep], wanted, channels)
    others = [name for name in letters if name not in "C" + wanted]
    if (
        not set(wanted) <= set(letters)
        or (not asked and set(others) & set(UNNAMED))
        or "S" in others
    ):
        raise InputError(
            f"wrong axes ({where}): expected {wanted} or C{wanted} for a network with "
            f"{dimensions} spatial axes, "
            f"got {axes} of shape {_sizes(shape)}. Name the axes in order, such as --axes "
            f"T{wanted}: images along T run one by one."
        )
    place = {name: keep[letters.index(name)] for name in letters}
    count = shape[place["C"]] if "C" in place else 1
    _check_channels(
        count,
        channels,
        channel,
        where,
        advice="" if names or asked else f" For a series, name the axes: --axes T{wanted}.",
    )
    fixed = ((place.pop("C"), channel),) if channel is not None and "C" in place else ()
    series = "".join(sorted(others, key=lambda name: (name in SPATIAL) - (name == "T")))
    order = tuple(place.get(name, -1) for name in "C" + wanted)
    return Layout(wanted, order, fixed, series, tuple(place[name] for name in series))


def _check_channels(
    count: int, channels: int | None, channel: int | None, where: str, advice: str
) -> None:
    if channel is not None and channel >= count:
        raise InputError(
            f"no such channel ({where}, --channel): expected one of 0 to {count - 1}, got "
            f"{channel}."
        )
    taken = count if channel is None else 1
    if channels in {None, taken}:
        return
    choose = (
        f"Choose one: --channel 0 to {count - 1}."
        if channels == 1
        else "Select or convert the channels first."
    )
    raise InputError(
        f"wrong number of channels ({where}): expected {_called(channels or 0)}, got "
        f"{_called(taken)}. {choose}{advice}"
    )


def _called(channels: int) -> str:
    return f"{channels} ({NAMES[channels]})" if channels in NAMES else str(channels)


def _guessed(letters: str, sizes: list[int], wanted: str, channels: int | None) -> str:
    """Name the axes of an unnamed stack: planes are channels or depth if the network takes that."""
    if (
        len(letters) == len(wanted) + 1
        and "C" not in letters
        and letters[0] not in wanted
        and sizes[0] == channels != 1
    ):
        return "C" + letters[1:] if letters[0] in UNNAMED else letters
    if len(letters) == len(wanted) and "C" not in letters and letters[0] in UNNAMED:
        return wanted
    return letters


def _npy_axes(shape: tuple[int, ...], wanted: str) -> str:
    """The axes of an npy file, by their number: (*space) or (C, *space)."""
    named = {len(wanted): wanted, len(wanted) + 1: "C" + wanted}
    return named.get(len(shape), UNNAMED[0] * len(shape))


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
