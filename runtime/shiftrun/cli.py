"""The command line of shiftrun. Imports of the real work stand inside the commands: `--help` must
be quick.
"""

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
    "Output px written per tile, a multiple of the network's step. auto: the size that should be "
    "fastest within --memory; never "
    "below 128. The result does not depend on it."
)


def planning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that plans tiles."""
    options = (
        click.option("--tile", type=TileSize(), default="auto", show_default=True, help=TILE_HELP),
        click.option(
            "--memory",
            type=Memory(),
            help="For --tile auto, on CUDA of the device. Default: 80 % of what is free.",
        ),
        click.option(
            "--pad",
            type=click.Choice(["reflect", "edge", "constant", "none"]),
            default="reflect",
            show_default=True,
            help=(
                "What surrounds the image, once. none: only results that see nothing but the image."
            ),
        ),
        click.option(
            "--force",
            is_flag=True,
            help=(
                "Take a fresh contract for a stale one; stitch naively where exactness is refused."
            ),
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
            "The axes of the file in their order, such as TCZYX. Default: as the file says. "
            "Images along T, and along any other axis that the network does not see, are run one "
            "by one."
        ),
    )
    channel = click.option(
        "--channel",
        type=click.IntRange(min=0),
        help="The one channel to take, from 0. Default: all.",
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
                "Where to run: the GPU by NVIDIA if there is one, or what onnxruntime has under "
                "this name."
            ),
        ),
        click.option(
            "--precision",
            type=click.Choice(["exact", "tf32", "fp16"]),
            default="exact",
            show_default=True,
            help=(
                "exact is bit for bit the whole image; the others are faster, on cuda only, and "
                "the report says what they cost."
            ),
        ),
        click.option(
            "--check",
            type=click.IntRange(min=0),
            default=None,
            metavar="N",
            help=(
                "Compare N random tiles with larger windows while running; a difference that is "
                "not allowed is an error. 0: none. Default: a network's first run on this device "
                "proves itself, and that is remembered."
            ),
        ),
        click.option(
            "--normalize",
            type=click.Choice(["model", "none"]),
            default="model",
            show_default=True,
            help="Percentiles of the whole image as the model's metadata say, or none.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help=(
                "Tiles that are run at a time; they share the cores. The result does not depend "
                "on it."
            ),
        ),
        click.option(
            "--region",
            type=RegionBox(),
            help=(
                "Compute this part of the result alone, px: what the full run would give there; "
                "the whole image is still read for its percentiles. Labels are numbered anew."
            ),
        ),
        click.option("--overwrite", is_flag=True, help="Replace outputs that exist."),
        click.option("--quiet", is_flag=True, help="No progress bar, no summary."),
    )
    for option in reversed(options):
        command = option(command)
    return planning_options(image_options(command))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("shiftlint"), prog_name="shiftrun")
def cli() -> None:
    """Run a network tile by tile, with the result of the whole image.

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
        "(.zarr); for several images a folder."
    ),
)
@click.option(
    "--preview",
    type=PATH,
    help="A PNG of the image, of a series the first, with the objects outlined.",
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
    help="Of mean shift. Default: the model's metadata.",
)
@click.option(
    "--threshold",
    type=float,
    help="Foreground is a logit above it. Default: the model's metadata, else 0.",
)
@click.option(
    "--min-size",
    type=click.IntRange(min=0),
    help="Drop objects of fewer px. Default: the model's metadata, else 0.",
)
@running_options
def segment(**options: Any) -> None:
    """Label the instances in IMAGE with MODEL: labels, a run report (OUTPUT.report.json), a table
    and a preview.

    IMAGE is a TIFF, OME-TIFF, PNG, JPEG, npy file or a folder of OME-Zarr 0.4 or 0.5. Several
    images, a quoted pattern or a folder of images are run one after the other; then -o, --csv and
    --preview name folders. One that fails is named, the others go on.

    \b
    Examples:
      shiftrun segment nuclei.onnx cells.tif -o labels.tif
      shiftrun segment nuclei.onnx cells.png -o labels.tif --preview overlay.png --tile 496
      --min-size 30 shiftrun segment nuclei.onnx cells.zarr -o labels.zarr --csv objects.csv
      --memory 1GB shiftrun segment nuclei.onnx movie.tif -o labels.ome.tif --axes TCYX --channel 1
      shiftrun segment nuclei.onnx slide.tif -o part.tif --region 0:512,2048:4096 shiftrun segment
      nuclei.onnx 'plate/*.tif' -o labels/ --csv tables/
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
    help="An array (C, *space) of float32, as .npy, .tif or .zarr; for several a folder.",
)
@click.option(
    "--output",
    "names",
    multiple=True,
    help=(
        "Which output of the network; may be given several times, or all: then files are called "
        "OUTPUT.NAME.npy. Default: the first that is an image."
    ),
)
@click.option(
    "--input", "image_input", help="The input that takes the image, where a network has several."
)
@running_options
def embed(**options: Any) -> None:
    """Run any network on IMAGE and write one of its outputs, without clustering. IMAGE is as of
    shiftrun segment.

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
@click.option("--picture", type=PATH, help="A PNG of the tiles and of what one of them reads.")
@click.option("--overwrite", is_flag=True, help="Replace a picture that exists.")
@image_options
@planning_options
def plan(output_format: str, **options: Any) -> None:
    """Show how IMAGE would be cut for MODEL: tiles, reads, padding, what the halo costs, and the
    time and memory of a run.

    The time is that of one tile, measured now, times their number; clustering comes on top.

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
