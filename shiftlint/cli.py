"""The command `shiftlint`. Each command imports the heavy modules that it needs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from shiftlint.console.exit_codes import WRONG_INPUT, run
from shiftlint.console.option_types import LEVELS, NameType, SizesType, split_codes, split_levels
from shiftlint.report import findings as findings_report

if TYPE_CHECKING:
    from shiftlint.linting.check import Checked


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 clean, 1 findings, 2 wrong input.",
)
@click.version_option(package_name="shiftlint", prog_name="shiftlint")
def cli() -> None:
    """Analyze the ONNX file of a neural network: report how to tile it, and flag what is unsafe.

    \b
    shiftlint check model.onnx --train-window 20 --tile 148
    shiftlint analyze model.onnx --output-format json
    shiftlint rule SL301
    """


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments that check and analyze share."""
    for decorate in (
        click.option(
            "--input",
            "input_name",
            metavar="NAME",
            help="Which input is the image, if there are several.",
        ),
        click.argument("files", nargs=-1, required=True, metavar="FILES..."),
    ):
        function = decorate(function)
    return function


def _wish(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how the network was trained and will be run."""
    for decorate in reversed(
        (
            click.option(
                "--train-window",
                type=SizesType(),
                help="Output px that the training loss covered; default: from the metadata.",
            ),
            click.option("--tile", type=SizesType(), help="Output px written per tile."),
            click.option(
                "--tile-stride",
                type=SizesType(),
                help="Output px from one tile to the next, if tiles overlap.",
            ),
            click.option(
                "--image",
                type=SizesType(),
                help="Input px of the image, for runners that move the last tile back.",
            ),
            click.option("--halo", type=SizesType(0), help="Input px read around a tile."),
            click.option(
                "--objects",
                type=click.IntRange(1),
                help="Same-looking objects that must be distinguished.",
            ),
            click.option(
                "--spacing", type=SizesType(), help="Input px between same-looking objects."
            ),
        )
    ):
        function = decorate(function)
    return function


@cli.command()
@_shared
@_wish
@click.option(
    "--verify", is_flag=True, default=None, help="Also measure the contract with onnxruntime."
)
@click.option(
    "--select",
    metavar="CODES",
    callback=split_codes,
    help="Only these rules: codes or code prefixes, such as SL1,SL301.",
)
@click.option(
    "--ignore",
    metavar="CODES",
    callback=split_codes,
    help="Not these rules; the longest matching prefix wins.",
)
@click.option(
    "--severity",
    metavar="CODE=LEVEL",
    multiple=True,
    callback=split_levels,
    help="Change the level of a rule; repeatable.",
)
@click.option(
    "--output-format", type=NameType(findings_report.names), default="text", show_default=True
)
@click.option(
    "--fail-on", type=click.Choice(LEVELS), help="Exit 1 at this level or above.  [default: error]"
)
@click.option(
    "--exit-zero", is_flag=True, help="Exit 0 even with findings; unusable files still exit 2."
)
@click.option(
    "--statistics", is_flag=True, help="Count the findings per rule instead of listing them."
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="Hide the findings listed in this file.",
)
@click.option(
    "--write-baseline",
    type=click.Path(path_type=Path),
    help="Write all findings to this file as known, and exit 0.",
)
def check(
    files: tuple[str, ...],
    input_name: str | None,
    output_format: str,
    fail_on: str | None,
    exit_zero: bool,
    statistics: bool,
    baseline: Path | None,
    write_baseline: Path | None,
    **options: Any,
) -> int:
    """Check networks against the rules for safe tiling; `-` reads standard input.

    Options can also be set in [tool.shiftlint] of pyproject.toml. Exits with 1 if a finding reaches
    --fail-on, with 2 if a file is unreadable; the other files are still checked.

    \b
    shiftlint check zoo/dsb2018.onnx --train-window 20 --tile 148
    shiftlint check models/*.onnx --ignore SL6 --severity SL104=error --output-format sarif
    shiftlint check models/*.onnx --write-baseline known.json
    """
    from shiftlint.linting.check import check_all
    from shiftlint.linting.settings import find_configuration

    configuration = find_configuration(Path.cwd())
    given = {name.replace("_", "-"): value for name, value in options.items()} | {
        "input": input_name
    }
    checked = check_all(files, configuration, given, hashed=findings_report.hashed(output_format))
    unreadable = any(file.unreadable for file in checked)
    shown = [file.filtered() for file in checked]
    if write_baseline is not None:
        from shiftlint.linting import baseline as known

        click.echo(
            f"findings written to {write_baseline}: {known.write_baseline(write_baseline, shown)}",
            err=True,
        )
        return WRONG_INPUT if unreadable else 0
    if baseline is None and "baseline" in configuration.table:
        baseline = configuration.folder / configuration.table["baseline"]
    if baseline is not None:
        from shiftlint.linting import baseline as known

        hidden = known.without_known(shown, baseline)
        shown = hidden.files
        if hidden.count:
            click.echo(f"known findings hidden: {hidden.count} ({baseline})", err=True)
        if hidden.rewritten:
            click.echo(f"{baseline}: {hidden.rewritten}", err=True)
    level = fail_on or configuration.table.get("fail-on", "error")
    failing = LEVELS[: LEVELS.index(level) + 1]
    _print_report(shown, output_format, failing, statistics=statistics)
    if unreadable:
        return WRONG_INPUT
    return int(
        not exit_zero
        and any(finding.level in failing for file in shown for finding in file.findings)
    )


def _print_report(
    files: Sequence[Checked], output_format: str, failing: Sequence[str], *, statistics: bool
) -> None:
    from shiftlint.rules.finding import Level

    if statistics and output_format != "text":
        raise click.UsageError(f"--statistics: expected --output-format text, got {output_format}.")
    levels = {Level(level) for level in failing}
    if statistics:
        from shiftlint.report import statistics as counts

        text = counts.render(files)
    else:
        text = findings_report.render(output_format, files, levels)
    if text:
        click.echo(text)


@cli.command()
@_shared
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def analyze(files: tuple[str, ...], input_name: str | None, output_format: str) -> int:
    """Print the contract of each network: period, windows, padding, legal sizes; no verdict.

    Exits with 2 if a file cannot be analyzed; the other files are still analyzed.

    \b
    shiftlint analyze zoo/dsb2018.onnx
    """
    from shiftlint.analysis.derive_contract import analyze as analyze_file
    from shiftlint.console.standard_input import readable
    from shiftlint.contract.values import Contract
    from shiftlint.errors import InputError
    from shiftlint.linting.check import file_sha256
    from shiftlint.report import contract_json, contract_table
    from shiftlint.rules.finding import Finding, Level

    models: list[tuple[str, str | None, Contract | Finding]] = []
    for path in files:
        try:
            with readable(path) as file:
                models.append(
                    (path, file_sha256(file), analyze_file(file, input_name=input_name, where=path))
                )
        except InputError as error:
            models.append((path, None, Finding(error.code or "SL001", Level.ERROR, error.message)))
    if output_format == "json":
        click.echo(contract_json.render(models))
    for path, _, result in models:
        if isinstance(result, Contract):
            if output_format == "text":
                click.echo(contract_table.render(path, result))
        else:
            click.echo(f"shiftlint: error: {result.code} {result.message}", err=True)
    return WRONG_INPUT if any(isinstance(result, Finding) for _, _, result in models) else 0


@cli.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--input", "input_name", metavar="NAME", help="Which input is the image, if there are several."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the test images."
)
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def verify(file: str, input_name: str | None, seed: int, output_format: str) -> int:
    """Measure the claims of a network's contract with onnxruntime.

    Shifts the image by the period and each of its divisors, changes it outside the windows, and
    compares tiles with the whole. Exits with 1 if a measurement contradicts the contract. Needs
    pip install "shiftlint[cpu]".

    \b
    shiftlint verify zoo/dsb2018.onnx
    """
    from shiftlint.console.standard_input import readable
    from shiftlint.report import verification
    from shiftlint.verification.verify import contradictions
    from shiftlint.verification.verify import verify as verify_file

    with readable(file) as path:
        measurements = verify_file(path, input_name=input_name, seed=seed, where=file)
    render = verification.render_json if output_format == "json" else verification.render
    click.echo(render(file, measurements))
    return int(bool(contradictions(measurements)))


@cli.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--sizes",
    type=SizesType(),
    nargs=2,
    required=True,
    metavar="N|Y,X N|Y,X",
    help="Two input sizes in px to compare.",
)
@click.option("--output", metavar="NAME", help="Which output; default: all outputs.")
@click.option(
    "--input", "input_name", metavar="NAME", help="Which input is the image, if there are several."
)
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def why(
    file: str,
    sizes: tuple[tuple[int, ...], tuple[int, ...]],
    output: str | None,
    input_name: str | None,
    output_format: str,
) -> int:
    """Explain why a network computes different results at two sizes.

    Names the first node whose program differs, and the difference. Exits with 0 if the programs are
    the same, with 1 if not, with 2 if the network does not run at one of the sizes.

    \b
    shiftlint why model.onnx --sizes 256 512
    shiftlint why model.onnx --sizes 256,256 256,320 --output embedding
    """
    from shiftlint.analysis.comparing import compare
    from shiftlint.console.standard_input import readable
    from shiftlint.report import comparison

    with readable(file) as path:
        found = compare(path, *sizes, output=output, input_name=input_name, where=file)
    render = comparison.render_json if output_format == "json" else comparison.render
    click.echo(render(file, found))
    return int(any(one.cause is not None for one in found))


@cli.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; default: in place. Never half-written.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing OUTPUT.")
@click.option("--diff", is_flag=True, help="Only show what would change.")
@click.option(
    "--set",
    "values",
    metavar="KEY=VALUE",
    multiple=True,
    help="More metadata, such as train_window=[20,20]. Repeatable.",
)
@click.option("--crop-output", is_flag=True, help="Crop the outputs to a whole number of steps.")
@click.option(
    "--to-valid",
    is_flag=True,
    help="Remove padding: the output becomes the interior of the original output.",
)
@click.option(
    "--input", "input_name", metavar="NAME", help="Which input is the image, if there are several."
)
def fix(
    file: Path,
    output: Path | None,
    overwrite: bool,
    diff: bool,
    values: tuple[str, ...],
    crop_output: bool,
    to_valid: bool,
    input_name: str | None,
) -> None:
    """Store a network's contract in its metadata; change its graph only if asked to.

    --to-valid needs onnxruntime, to compare the twin with the original before writing it.

    \b
    shiftlint fix model.onnx --diff
    shiftlint fix model.onnx -o tiled.onnx --crop-output
    shiftlint fix model.onnx --set train_window=[20,20] --set license=MIT
    """
    from shiftlint.console.whole_files import write_atomically
    from shiftlint.errors import InputError
    from shiftlint.fix.fix import fix as fix_file
    from shiftlint.fix.model_file import difference, has_external_data
    from shiftlint.fix.stored_metadata import parse_values

    target = output or file
    if (
        not diff
        and output is not None
        and output.exists()
        and not overwrite
        and output.absolute() != file.absolute()
    ):
        raise InputError(
            f"output exists ({output}): expected a new name, got a file. Add --overwrite to "
            "replace it."
        )
    fixed = fix_file(
        file,
        parse_values(values),
        crop_output=crop_output,
        to_valid=to_valid,
        input_name=input_name,
    )
    if diff:
        click.echo(difference(fixed.before, fixed.after, str(file)) or f"{file}: nothing to change")
        return
    if has_external_data(fixed.after) and target.absolute().parent != file.absolute().parent:
        raise InputError(
            f"weights are in other files ({file}): expected an output in the same folder, got "
            f"{target}."
        )
    write_atomically(target, fixed.after.SerializeToString())
    for sentence in fixed.done:
        click.echo(f"{target}: {sentence}")


@cli.command()
@click.argument("code", required=False)
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option(
    "--new",
    nargs=2,
    metavar="CODE TITLE",
    help="Write a new rule and its test row; works in a checkout.",
)
@click.option(
    "--operator",
    metavar="OP",
    help="With --new: the operator that the unfinished rule flags.",
)
def rule(
    code: str | None, output_format: str, new: tuple[str, str] | None, operator: str | None
) -> None:
    """Print the manual of a rule or the list of all rules, or start a new rule.

    \b
    shiftlint rule
    shiftlint rule SL301
    shiftlint rule --new SL199 "a curve that no runner has" --operator Softsign
    """
    if new is not None:
        _start_rule(code, new, operator)
    elif operator is not None:
        raise click.UsageError("--operator: expected --new CODE TITLE as well, got none.")
    else:
        _print_rules(code, output_format)


def _start_rule(code: str | None, new: tuple[str, str], operator: str | None) -> None:
    from shiftlint.rules.new_rule import OPERATOR, new_rule

    if code is not None:
        raise click.UsageError(
            f"--new: expected only a code and a title, got {code!r} too. Put the title in quotes."
        )
    for path in new_rule(*new, operator=operator or OPERATOR):
        click.echo(f"{path}: written")
    click.echo(
        "Now write its manual, examples and check. Then run pytest "
        f"tests/shiftlint/rules/test_rules.py -k {new[0].upper()}"
    )


def _print_rules(code: str | None, output_format: str) -> None:
    import json
    from difflib import get_close_matches

    from shiftlint.errors import InputError
    from shiftlint.rules.catalog import modules

    known = modules()
    if code is not None and code.upper() not in known:
        near = get_close_matches(code.upper(), known, 1, 0)
        raise InputError(
            f"no such rule ({code}): expected a code such as {near[0]}, got {code!r}. List all "
            "rules with shiftlint rule."
        )
    chosen = [known[code.upper()]] if code else list(known.values())
    if output_format == "json":
        listed = [
            {"code": m.CODE, "level": m.LEVEL.value, "title": m.TITLE, "manual": m.__doc__}
            for m in chosen
        ]
        click.echo(json.dumps(listed, indent=1))
    elif code:
        click.echo((chosen[0].__doc__ or "").strip())
    else:
        for module in chosen:
            click.echo(f"{module.CODE} {module.LEVEL:<7} {module.TITLE}")


def main() -> NoReturn:
    """Run the command."""
    # imports and contracts make many objects and few cycles: collecting took a tenth of a run
    gc.set_threshold(50_000)
    run(cli, "shiftlint")
