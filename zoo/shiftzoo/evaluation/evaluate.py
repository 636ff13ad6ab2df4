"""Evaluation of a model on labeled images: precision, splits and merges, also by tile size.

The tile table is the experiment of the paper's Figure 6: every image is stitched from tiles of a
given output size, naively if the size is not a multiple of the step; everything after the embedding
stays the same. Splits along seams are counted after clustering and before parts of an object join
(`shiftrun.clustering.one_window.fragments`), which repairs most of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from shiftrun.clustering.label_image import label_instances
from shiftrun.clustering.one_window.connected_components import Labels
from shiftrun.model.open_model import INSTANCE_OUTPUTS, Model
from shiftrun.progress import Progress
from shiftzoo.data.labeled_images import Sample
from shiftzoo.evaluation.metrics import Counts, count, total
from shiftzoo.evaluation.mistakes import distant_merges, seam_splits
from shiftzoo.evaluation.naive_tiles import Outputs, outputs_by_tile

FIGURE_STEPS = (1, 2, 3, 4, 6, 9, 12)  # multiples of the step


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The counts of every image, in order.

    Attributes
    ----------
    tile : int or None
        Output px per tile and axis; None for whole images or the default tile.
    exact : bool
        Whether the tiles equal the whole image.
    names : tuple of str
    counts : tuple of Counts
    seam_splits : tuple of int
        Objects split along a seam of these tiles, before parts join; 0 for None.
    seamless_splits : tuple of int
        The same count along the same lines in the result of the default tile, which has no seams
        there.
    distant_merges : tuple of int
        Clusters that contain several unconnected objects.
    """

    tile: int | None
    exact: bool
    names: tuple[str, ...]
    counts: tuple[Counts, ...]
    seam_splits: tuple[int, ...]
    seamless_splits: tuple[int, ...]
    distant_merges: tuple[int, ...]

    @property
    def total(self) -> Counts:
        """The sum over the data set."""
        return total(self.counts)


@dataclass(frozen=True, slots=True)
class _Row:
    """One image at one tile size."""

    exact: bool
    counts: Counts
    seam_splits: int
    seamless_splits: int
    distant_merges: int


def evaluate(
    model: Model,
    samples: Sequence[Sample],
    *,
    tiles: tuple[int | None, ...] = (None,),
    progress: Progress | None = None,
) -> list[Evaluation]:
    """Segment every sample once per tile size, with the model's defaults; compare with its labels.

    Parameters
    ----------
    tiles : tuple of int or None
        Output px per tile and axis, None for the default; a size that is not a multiple of the step
        needs a model opened with `force`.
    progress : callable (images done, total), optional

    Raises
    ------
    InputError
        As `Model.segment`.
    """
    rows: dict[int | None, list[_Row]] = {tile: [] for tile in tiles}
    for done, sample in enumerate(samples, start=1):
        for tile, row in _rows(model, sample, tiles).items():
            rows[tile].append(row)
        if progress is not None:
            progress(done, len(samples))
    names = tuple(sample.name for sample in samples)
    return [
        Evaluation(
            tile,
            all(row.exact for row in rows[tile]),
            names,
            tuple(row.counts for row in rows[tile]),
            tuple(row.seam_splits for row in rows[tile]),
            tuple(row.seamless_splits for row in rows[tile]),
            tuple(row.distant_merges for row in rows[tile]),
        )
        for tile in tiles
    ]


def _rows(model: Model, sample: Sample, tiles: tuple[int | None, ...]) -> dict[int | None, _Row]:
    wanted = tuple(dict.fromkeys((None, *tiles)))
    outputs = outputs_by_tile(model, sample.image, wanted)
    seamless = _parts(model, outputs[None])
    rows = {}
    for tile in tiles:
        exact = (
            tile is None
            or model.plan(sample.image.shape, tile=tile, outputs=INSTANCE_OUTPUTS).exact
        )
        along = seamless_along = 0
        if tile is not None:
            lines = (tile,) * sample.label.ndim
            along, seamless_along = (
                seam_splits(sample.label, one, lines)
                for one in (_parts(model, outputs[tile]), seamless)
            )
        counts = count(sample.label, model.labels(outputs[tile]))
        rows[tile] = _Row(
            exact, counts, along, seamless_along, _distant_merges(model, sample, outputs[tile])
        )
    return rows


def _parts(model: Model, outputs: Outputs) -> Labels:
    """The labels before parts of an object are joined."""
    settings = asdict(model.clustering(None, None, None)) | {"fragment_border": 0.0}
    return label_instances(
        outputs["embedding"], outputs["foreground"][0], **settings, sums=model.sums
    )


def _distant_merges(model: Model, sample: Sample, outputs: Outputs) -> int:
    settings = model.clustering(None, None, None)
    foreground = outputs["foreground"][0] > settings.threshold
    return distant_merges(
        sample.label,
        outputs["embedding"],
        foreground,
        bandwidth=settings.bandwidth,
        min_size=settings.min_size,
    )


def figure_tiles(model: Model) -> tuple[int, ...]:
    """Tiles for the paper's Figure 6: output sizes off the grid, and these cropped to n·f^l.

    If the network's own output sizes are all on the grid, the naive tiles are half a step larger.
    """
    axis = model.outputs(INSTANCE_OUTPUTS)[0].axes[-1]
    step = axis.step or 1
    own = 0
    if axis.sizes is not None and axis.output_size is not None:
        own = int(axis.output_size.scale * axis.sizes.residues[0] - axis.output_size.offset) % step
    return tuple(size for n in FIGURE_STEPS for size in (n * step + (own or step // 2), n * step))
