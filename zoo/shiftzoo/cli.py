"""The command `shiftzoo`. Each command imports the heavy modules that it needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import click

from shiftlint.console.exit_codes import run
from shiftlint.console.option_types import SizesType
from shiftlint.errors import InputError
from shiftzoo.catalog.commands import COMMANDS
from shiftzoo.experiments import reproduce as figures

PATH = click.Path(path_type=Path)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 2 invalid input, 130 Ctrl-C.",
)
@click.version_option(package_name="shiftlint", prog_name="shiftzoo")
def cli() -> None:
    """Train, export, evaluate and release networks that can be tiled.

    \b
    shiftzoo list
    shiftzoo train zoo/shiftzoo/recipes/dsb2018.toml --data DIR --minutes 60
    shiftzoo export runs/dsb2018 -o dsb2018.onnx
    shiftzoo evaluate dsb2018.onnx DIR --split val
    """


@cli.command()
@click.argument("recipe", type=PATH)
@click.option(
    "--data",
    required=True,
    type=PATH,
    multiple=True,
    help="Labeled images: a folder or .npz archive. Repeat to add more.",
)
@click.option(
    "--split",
    default="train",
    show_default=True,
    help="Which archive to use from a folder of .npz archives.",
)
@click.option("--out", type=PATH, help="Folder of the run.  [default: runs/NAME]")
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="Stop after this total time over all sessions of the run.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
@click.option(
    "--from",
    "origin",
    help="Start with the weights of this run folder, exported ONNX file or zoo model.",
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Processes that draw crops.",
)
@click.option(
    "--allow-unsafe-window",
    is_flag=True,
    help="Allow a training window not larger than f^l; recorded in the metadata.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def train(
    recipe: Path,
    data: tuple[Path, ...],
    split: str,
    out: Path | None,
    minutes: float | None,
    resume: bool,
    origin: str | None,
    device: str,
    workers: int,
    allow_unsafe_window: bool,
    quiet: bool,
) -> None:
    """Train a network from a recipe; stop with --minutes or Ctrl-C, continue with --resume.

    \b
    shiftzoo train zoo/shiftzoo/recipes/dsb2018.toml --data data/dsb2018 --minutes 60
    shiftzoo train zoo/shiftzoo/recipes/dsb2018.toml --data data/dsb2018 --resume
    shiftzoo train mine.toml --data mine --from dsb2018
    """
    _need_torch()
    from shiftrun.progress import progress_bar
    from shiftzoo.data.labeled_images import of_shape, read_samples
    from shiftzoo.recipe import check_training_window, read_recipe
    from shiftzoo.train import starting_weights as start
    from shiftzoo.train import trainer

    if origin and resume:
        raise InputError(
            "--from and --resume: expected one of them, got both. A resumed run keeps its own "
            "weights."
        )
    wish = read_recipe(recipe)
    if not allow_unsafe_window:
        check_training_window(wish)
    folder = out or Path("runs") / wish.name
    samples = of_shape(
        [sample for place in data for sample in read_samples(place, split)], wish.image_shape
    )
    network = start.starting_network(start.find(origin), wish, samples) if origin else None
    with progress_bar(f"training {wish.name}", "steps", quiet=quiet) as bar:
        result = trainer.train(
            wish,
            samples,
            folder,
            minutes=minutes,
            resume=resume,
            start=network,
            device=device,
            workers=workers,
            allow_unsafe_window=allow_unsafe_window,
            report=lambda p: bar(p.step, wish.training.steps) if bar else None,
        )
    click.echo(
        f"{wish.name}: {result.step} steps in {result.seconds / 60:.1f} min on {result.device}; "
        f"run in {folder}"
    )


@cli.command()
@click.argument("kind", type=click.Choice(["disks", "nuclei3d"]))
@click.option("--count", type=click.IntRange(1), default=100, show_default=True, help="Images.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("-o", "--out", required=True, type=PATH, help="The .npz archive.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def render(kind: str, count: int, seed: int, out: Path, overwrite: bool) -> None:
    """Render labeled images for training and tests.

    \b
    shiftzoo render disks --count 20 --seed 7 -o disks.npz
    """
    from shiftzoo.data.labeled_images import write_archive
    from shiftzoo.data.rendered.render import render

    _check_out(out, ".npz", overwrite=overwrite)
    samples = render(kind, count, seed)
    write_archive(out, samples)
    click.echo(f"{out}: {count} images, {sum(int(s.label.max()) for s in samples)} objects")


@cli.command()
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option("-o", "--out", required=True, type=PATH, help="The ONNX file.")
@click.option(
    "--recipe",
    type=PATH,
    help="Take text and inference settings from this recipe, for settings tuned after training.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def export(run_folder: Path, out: Path, recipe: Path | None, overwrite: bool) -> None:
    """Export a training run as ONNX with its contract; compare it with torch before writing.

    \b
    shiftzoo export runs/dsb2018 -o dsb2018.onnx
    shiftzoo export runs/dsb2018 -o dsb2018.onnx --recipe zoo/shiftzoo/recipes/dsb2018.toml
    """
    _need_torch()
    _check_out(out, ".onnx", overwrite=overwrite)
    from shiftzoo.recipe import read_recipe
    from shiftzoo.train.export import export as export_model
    from shiftzoo.train.trainer import load_trained

    trained = load_trained(run_folder)
    contract = export_model(trained.described_by(read_recipe(recipe)) if recipe else trained, out)
    periods = ", ".join(str(axis.period) for axis in contract.outputs[0].axes)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, period {periods}")


@cli.command()
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option(
    "--split",
    default="val",
    show_default=True,
    help="Which archive to use from a folder of .npz archives, or which folder of pairs.",
)
@click.option("--shape", type=SizesType(), help="Use only images of this shape, such as 520,696.")
@click.option(
    "--tile",
    "tiles",
    type=click.IntRange(1),
    multiple=True,
    help="Output tile, px. Repeat for a table of tile sizes.",
)
@click.option(
    "--figure",
    type=PATH,
    help=(
        "Draw precision and false splits by tile size to this .png; chooses tiles if none are "
        "given."
    ),
)
@click.option(
    "--baseline",
    is_flag=True,
    help="Also measure a baseline: Otsu's threshold with a distance watershed.",
)
@click.option("--limit", type=click.IntRange(1), help="Use only the first LIMIT images.")
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option("--overwrite", is_flag=True, help="Replace an existing figure.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def evaluate(
    model: Path,
    data: Path,
    split: str,
    shape: tuple[int, ...] | None,
    tiles: tuple[int, ...],
    figure: Path | None,
    baseline: bool,
    limit: int | None,
    device: str,
    output_format: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Measure precision, false splits and merges on labeled images, also by tile size.

    Tiles that are not a multiple of the step are stitched naively, as other runners do.

    \b
    shiftzoo evaluate zoo/dsb2018.onnx data/dsb2018 --baseline
    shiftzoo evaluate zoo/dsb2018.onnx data/dsb2018 --tile 20 --tile 148 --tile 144
    shiftzoo evaluate zoo/dsb2018.onnx data/dsb2018 --figure dsb2018_tiles.png
    """
    from shiftrun.model.open_model import open_model
    from shiftrun.progress import progress_bar
    from shiftzoo.data.labeled_images import of_shape, read_samples
    from shiftzoo.evaluation import tables
    from shiftzoo.evaluation.baseline import evaluate_watershed
    from shiftzoo.evaluation.evaluate import evaluate as evaluate_model
    from shiftzoo.evaluation.evaluate import figure_tiles

    if figure is not None:
        _check_out(figure, ".png", overwrite=overwrite)
    opened = open_model(model, device=device, force=bool(tiles or figure))
    samples = of_shape(read_samples(data, split), shape)[:limit]
    if figure is not None and not tiles:
        tiles = figure_tiles(opened)
    with progress_bar("evaluating", "images", quiet=quiet) as bar:
        found = evaluate_model(opened, samples, tiles=tiles or (None,), progress=bar)
    classical = evaluate_watershed(samples) if baseline else None
    if figure is not None:
        tables.draw_tile_figure(
            found, f"{opened.path.stem} on {data.name} (n = {len(samples)})", figure
        )
    if output_format == "json":
        click.echo(json.dumps(tables.to_json(found, opened, classical), indent=1))
        return
    if not tiles or classical:
        click.echo(tables.precision_table(found[0], classical))
        click.echo(f"\npanoptic quality {found[0].total.panoptic_quality:.3f}\n")
    click.echo(tables.tile_table(found))


def _check_out(path: Path, suffix: str, *, overwrite: bool) -> None:
    if path.suffix != suffix:
        raise InputError(f"output ({path}): expected a name ending in {suffix}, got {path.name}.")
    if path.exists() and not overwrite:
        raise InputError(
            f"output exists ({path}): expected a new file. Pass --overwrite to replace it."
        )
    if not path.parent.is_dir():
        raise InputError(
            f"no such folder ({path.parent}): expected a folder to write {path.name} to. Create "
            "it first."
        )


@cli.command()
@click.argument("figure", type=click.Choice(["all", *figures.FIGURES]))
@click.option(
    "--out",
    required=True,
    type=PATH,
    help="Folder for the pictures (FIGURE.png) and counts (FIGURE.json).",
)
@click.option(
    "--train", "anew", is_flag=True, help="Retrain the small networks, into OUT/networks."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def reproduce(figure: str, out: Path, anew: bool, quiet: bool) -> None:
    """Reproduce a finding of the paper: count it and draw it. Exits with 1 if a count differs.

    \b
    shiftzoo reproduce figure5 --out figures
    shiftzoo reproduce all --out figures
    shiftzoo reproduce all --out figures --train
    """
    if anew:
        _need_torch()
    from shiftrun.progress import progress_bar

    failed = 0
    for name in figures.FIGURES if figure == "all" else (figure,):
        with progress_bar(f"training for {name}", "networks", quiet=quiet or not anew) as bar:
            outcomes = figures.reproduce(name, out, train=anew, progress=bar)
        for outcome in outcomes:
            failed += not outcome.holds
            click.echo(
                f"{name}: {outcome.statement}: {outcome.found} "
                f"({'as' if outcome.holds else 'NOT as'} expected: {outcome.expected})"
            )
    if failed:
        raise click.exceptions.Exit(1)


def _need_torch() -> None:
    try:
        import torch  # noqa: F401  # checked here, used by shiftzoo.train
    except ImportError as error:
        raise InputError(
            "torch is not installed: expected PyTorch for training. Install it: pip install "
            '"shiftlint[train]".'
        ) from error


for command in COMMANDS:
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command."""
    run(cli, "shiftzoo")
