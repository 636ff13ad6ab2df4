"""The command line of shiftrun. Commands import what is slow when they run: `--help` is quick."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from shiftlint.console.exit_codes import run
from shiftrun.commands.option_types import Axes, Memory, RegionBox, TileSize

if TYPE_CHECKING:
    from collections.abc import Callable


PATH = click.Path(path_type=Path)


TILE_HELP = (
    "Output px written per tile, a multiple of the network's step. auto: the size expected to be "
    "fastest within --memory, at least 128. It does not affect the result."
)


def planning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that plans tiles."""
    options = (
        click.option("--tile", type=TileSize(), default="auto", show_default=True, help=TILE_HELP),
        click.option(
            "--memory",
            type=Memory(),
            help="Limit for --tile auto; on CUDA, device memory. Default: 80 % of free memory.",
        ),
        click.option(
            "--pad",
            type=click.Choice(["reflect", "edge", "constant", "none"]),
            default="reflect",
            show_default=True,
            help=(
                "How to pad the image, once. none: only output px that depend on image px alone."
            ),
        ),
        click.option(
            "--force",
            is_flag=True,
            help=("Recompute a stale contract; stitch naively where exact tiling is refused."),
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def image_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that reads images."""
    axes = click.option(
        "--axes",
        type=Axes(),
        default="",
        help=(
            "The axes of the file in order, such as TCZYX. Default: those in the file. Images "
            "along T, or any other axis the network does not use, run one by one."
        ),
    )
    channel = click.option(
        "--channel",
        type=click.IntRange(min=0),
        help="The channel to use, counted from 0. Default: all.",
    )
    return axes(channel(command))


def running_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that runs the network."""
    options = (
        click.option(
            "--device",
            metavar="auto|cpu|cuda|coreml|directml|PROVIDER",
            default="auto",
            show_default=True,
            help=(
                "Where to run. auto: an NVIDIA GPU if there is one. Also any onnxruntime provider."
            ),
        ),
        click.option(
            "--precision",
            type=click.Choice(["exact", "tf32", "fp16"]),
            default="exact",
            show_default=True,
            help=(
                "exact: bit-identical to the whole image. The others are faster and need cuda; "
                "the report states the difference."
            ),
        ),
        click.option(
            "--check",
            type=click.IntRange(min=0),
            default=None,
            metavar="N",
            help=(
                "Compare N random tiles with larger windows during the run; too large a "
                "difference is an error. 0: no comparison. Default: check a network's first run "
                "on this device and remember it."
            ),
        ),
        click.option(
            "--normalize",
            type=click.Choice(["model", "none"]),
            default="model",
            show_default=True,
            help="Normalize by the percentiles in the model's metadata, or not at all.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help=("Tiles to run at a time; they share the cores. It does not affect the result."),
        ),
        click.option(
            "--region",
            type=RegionBox(),
            help=(
                "Compute only this part of the result, in px, exactly as in a full run. The whole "
                "image is still read for its percentiles. Labels are renumbered."
            ),
        ),
        click.option("--overwrite", is_flag=True, help="Replace existing outputs."),
        click.option("--quiet", is_flag=True, help="No progress bar, no summary."),
    )
    for option in reversed(options):
        command = option(command)
    return planning_options(image_options(command))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("shiftlint"), prog_name="shiftrun")
def cli() -> None:
    """Run a network tile by tile, with the same result as on the whole image.

    \b
    Examples:
      shiftrun segment nuclei.onnx cells.tif -o labels.tif --preview overlay.png
      shiftrun embed nuclei.onnx cells.tif -o embedding.npy --tile 272
      shiftrun plan nuclei.onnx cells.tif --tile 144
    """


@cli.command()
@click.argument("model", type=PATH)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "-o",
    "output",
    type=PATH,
    required=True,
    help=(
        "Labels (uint16, or uint32 if needed): a .tif, an OME-TIFF (.ome.tif) or OME-Zarr "
        "(.zarr); a folder for several images."
    ),
)
@click.option(
    "--preview",
    type=PATH,
    help="A PNG of the image (the first of a series) with the objects outlined.",
)
@click.option(
    "--csv",
    "table",
    type=PATH,
    help="A table of the objects: area, centroid, bounding box, mean intensity.",
)
@click.option(
    "--bandwidth",
    type=click.FloatRange(min=0, min_open=True),
    help="Bandwidth of mean shift. Default: the model's metadata.",
)
@click.option(
    "--threshold",
    type=float,
    help="Px with a larger logit are foreground. Default: the model's metadata, else 0.",
)
@click.option(
    "--min-size",
    type=click.IntRange(min=0),
    help="Drop objects with fewer px. Default: the model's metadata, else 0.",
)
@running_options
def segment(**options: Any) -> None:
    """Label the instances in IMAGE with MODEL.

    Writes labels, a run report (OUTPUT.report.json) and, if requested, a table and a preview.

    IMAGE is a TIFF, OME-TIFF, PNG, JPEG or npy file, or an OME-Zarr 0.4 or 0.5 folder. Several
    images, a quoted pattern or a folder of images run one after another; -o, --csv and --preview
    then name folders. If an image fails, the error names it and the others still run.

    \b
    Examples:
      shiftrun segment nuclei.onnx cells.tif -o labels.tif
      shiftrun segment nuclei.onnx cells.png -o labels.tif --preview overlay.png --min-size 30
      shiftrun segment nuclei.onnx cells.zarr -o labels.zarr --csv objects.csv --memory 1GB
      shiftrun segment nuclei.onnx movie.tif -o labels.ome.tif --axes TCYX --channel 1
      shiftrun segment nuclei.onnx slide.tif -o part.tif --region 0:512,2048:4096
      shiftrun segment nuclei.onnx 'plate/*.tif' -o labels/ --csv tables/
    """
    from shiftrun.commands.segment import segment_images

    segment_images(**options, say=_say(options), complain=_complain)


@cli.command()
@click.argument("model", type=PATH)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "-o",
    "output",
    type=PATH,
    required=True,
    help="A float32 array (C, *space): .npy, .tif or .zarr; a folder for several images.",
)
@click.option(
    "--output",
    "names",
    multiple=True,
    help=(
        "A network output to write. Repeat it for several, or pass all: files are then named "
        "OUTPUT.NAME.npy. Default: the first image output."
    ),
)
@click.option(
    "--input", "image_input", help="The input that takes the image, if a network has several."
)
@running_options
def embed(**options: Any) -> None:
    """Run any network on IMAGE and write its outputs, without clustering.

    IMAGE is as for shiftrun segment.

    \b
    Examples:
      shiftrun embed nuclei.onnx cells.tif -o embedding.npy
      shiftrun embed nuclei.onnx cells.zarr -o embedding.zarr --region 0:512,0:512
      shiftrun embed restore.onnx cells.tif -o restored.tif --normalize none --output restored
    """
    from shiftrun.commands.embed import embed_images

    embed_images(**options, say=_say(options), complain=_complain)


def _say(options: dict[str, Any]) -> Callable[[str], None]:
    return (lambda _: None) if options["quiet"] else click.echo


def _complain(line: str) -> None:
    click.echo(f"shiftrun: error: {line}", err=True)


@cli.command()
@click.argument("model", type=PATH)
@click.argument("image", type=PATH)
@click.option(
    "--output-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A table or JSON.",
)
@click.option("--picture", type=PATH, help="A PNG of the tiles and the area that one tile reads.")
@click.option("--overwrite", is_flag=True, help="Replace an existing picture.")
@image_options
@planning_options
def plan(output_format: str, **options: Any) -> None:
    """Show how IMAGE would be tiled for MODEL: tiles, reads, padding, halo cost, time and memory.

    The time is that of one tile, measured now, times the number of tiles, without clustering.

    \b
    Examples:
      shiftrun plan nuclei.onnx cells.tif
      shiftrun plan nuclei.onnx cells.tif --tile 144 --output-format json
      shiftrun plan nuclei.onnx cells.tif --memory 500MB --picture tiles.png
    """
    from shiftrun.commands.plan import plan_image, print_plan

    result, estimate = plan_image(**options)
    if output_format == "json":
        click.echo(json.dumps({**result.to_json(), "estimate": estimate}, indent=1))
    else:
        print_plan(result, estimate)


def main() -> NoReturn:
    """Entry point of `shiftrun`."""
    run(cli, "shiftrun")
