"""The command `shiftlint`. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import click

from shiftlint.command_line import WRONG_INPUT, run

LEVELS = ("error", "warning", "info")


class SizesType(click.ParamType[tuple[int, ...]]):
    """N, or one N per axis in array order (Z,Y,X), as a tuple of ints."""

    name = "N|Y,X"

    def __init__(self, minimum: int = 1) -> None:
        self.minimum = minimum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Parse the text of an option."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"expected whole numbers as 144 or 144,160, got {value!r}", param, ctx)
        if min(sizes) < self.minimum or len(sizes) > 3:
            self.fail(f"expected one to three numbers of at least {self.minimum}, got {value!r}", param, ctx)
        return sizes


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Exit codes: 0 clean, 1 findings, 2 wrong input.")
@click.version_option(package_name="shiftlint", prog_name="shiftlint")
def cli() -> None:
    """Say how a neural network may be tiled: read it off its ONNX file, and flag what is not safe.

    \b
    shiftlint check model.onnx --train-window 20 --tile 148
    shiftlint analyze model.onnx --output-format json
    shiftlint rule SL301
    """


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments that check and analyze have in common."""
    for decorate in (
        click.option("--input", "input_name", metavar="NAME", help="Which input is the image, if there are several."),
        click.argument("files", nargs=-1, required=True, metavar="FILES..."),
    ):
        function = decorate(function)
    return function


@cli.command()
@_shared
@click.option("--train-window", type=SizesType(), help="Output px that the training loss saw; else from the metadata.")
@click.option("--tile", type=SizesType(), help="Output px written per tile.")
@click.option("--tile-stride", type=SizesType(), help="Output px between tiles, where they overlap.")
@click.option("--image", type=SizesType(), help="Input px of an image, for runners that move the last tile back to its end.")
@click.option("--halo", type=SizesType(0), help="Input px read around a tile.")
@click.option("--objects", type=click.IntRange(1), help="Same-looking objects that must be told apart.")
@click.option("--spacing", type=SizesType(), help="Input px between same-looking objects.")
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--fail-on", type=click.Choice(LEVELS), default="error", show_default=True, help="Exit 1 from this level on.")
@click.option("--verify", is_flag=True, help="Measure the contract with onnxruntime, too.")
def check(files: tuple[str, ...], input_name: str | None, output_format: str, fail_on: str, verify: bool, **wish: Any) -> int:
    """Check networks against the rules of safe tiling.

    Exits with 1 if a finding reaches --fail-on, with 2 if a file is unreadable.

    \b
    shiftlint check zoo/dsb2018.onnx --train-window 20 --tile 148
    shiftlint check models/*.onnx --output-format json
    """
    from shiftlint.checking import check as check_file
    from shiftlint.report import json_, text
    from shiftlint.rules import Wish

    checked = [check_file(path, Wish(**wish), input_name=input_name, verify=verify) for path in files]
    click.echo((json_ if output_format == "json" else text).render(checked))
    if any(file.unreadable for file in checked):
        return WRONG_INPUT
    failing = LEVELS[: LEVELS.index(fail_on) + 1]
    return int(any(finding.level in failing for file in checked for finding in file.findings))


@cli.command()
@_shared
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def analyze(files: tuple[str, ...], input_name: str | None, output_format: str) -> int:
    """Print the contract of networks: period, windows, padding, legal sizes; no verdict.

    Exits with 2 if a file cannot be analyzed; the others still are.

    \b
    shiftlint analyze zoo/dsb2018.onnx
    """
    from shiftlint.analysis import analyze as analyze_file
    from shiftlint.checking import file_sha256
    from shiftlint.contract import Contract
    from shiftlint.errors import InputError
    from shiftlint.report import contract_text, json_
    from shiftlint.rules import Finding, Level

    models: list[tuple[str, str | None, Contract | Finding]] = []
    for path in files:
        try:
            models.append((path, file_sha256(path), analyze_file(path, input_name=input_name)))
        except InputError as error:
            code = error.code or "SL001"
            models.append((path, None, Finding(code, Level.ERROR, str(error).removeprefix(code).strip())))
    if output_format == "json":
        click.echo(json_.render_contracts(models))
    for path, _, result in models:
        if isinstance(result, Contract):
            if output_format == "text":
                click.echo(contract_text.render(path, result))
        else:
            click.echo(f"shiftlint: error: {result.code} {result.message}", err=True)
    return WRONG_INPUT if any(isinstance(result, Finding) for _, _, result in models) else 0


@cli.command()
@click.argument("code", required=False)
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def rule(code: str | None, output_format: str) -> None:
    """Print the manual of a rule, or the list of all rules.

    \b
    shiftlint rule
    shiftlint rule SL301
    """
    import json
    from difflib import get_close_matches

    from shiftlint.errors import InputError
    from shiftlint.rules import modules

    known = modules()
    if code is not None and code.upper() not in known:
        near = get_close_matches(code.upper(), known, 1, 0)
        raise InputError(f"no such rule ({code}): expected a code such as {near[0]}, got {code!r}. shiftlint rule lists all.")
    chosen = [known[code.upper()]] if code else list(known.values())
    if output_format == "json":
        listed = [{"code": m.CODE, "level": m.LEVEL.value, "title": m.TITLE, "manual": m.__doc__} for m in chosen]
        click.echo(json.dumps(listed, indent=1))
    elif code:
        click.echo((chosen[0].__doc__ or "").strip())
    else:
        for module in chosen:
            click.echo(f"{module.CODE} {module.LEVEL:<7} {module.TITLE}")


def main() -> NoReturn:
    """Run the command."""
    run(cli, "shiftlint")
