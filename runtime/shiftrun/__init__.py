"""shiftrun: exact tile-by-tile runs of any network, and instances from embeddings.

Examples
--------
>>> model = shiftrun.open_model("zoo/dsb2018.onnx")
>>> # (Y, X) or (1, Y, X), integers or floats, of numpy or Zarr -> (Y, X) int32
>>> labels = model.segment(image)
>>> labels.shape, labels.dtype
((512, 512), dtype('int32'))
>>> model.predict(image, tile=272)["embedding"].dtype  # (E, Y, X)
dtype('float32')

A region computes only the tiles that touch it and equals that part of the whole result:

>>> part = model.predict(image, region=np.s_[100:164, 200:300])["embedding"]
>>> bool((part == model.predict(image)["embedding"][:, 100:164, 200:300]).all())
True

Files of every format are read by windows, and labels keep the px size:

>>> from pathlib import Path
>>> cells = shiftrun.read_image(Path("zoo/samples/nuclei.tif"), dimensions=2, channels=1)
>>> shiftrun.write_labels(folder / "labels.ome.tif", model.segment(cells), cells.calibration)

Report progress and cancel:

>>> class Cancel(Exception):
...     pass
>>> def progress(tiles_done: int, tiles: int) -> None:
...     if tiles_done == 2:
...         raise Cancel
>>> model.predict(image, tile=144, progress=progress)
Traceback (most recent call last):
shiftrun.Cancel
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shiftrun.clustering.mean_shift.estimator import MeanShift
    from shiftrun.clustering.mean_shift.mean_shift import mean_shift
    from shiftrun.files.reading.images import read_image, read_series
    from shiftrun.files.writing.results import write_labels
    from shiftrun.model.open_model import Model, open_model
    from shiftrun.tiles.plan import Plan, Tile, make_plan, whole_plan

    __version__: str

__all__ = [
    "MeanShift",
    "Model",
    "Plan",
    "Tile",
    "__version__",
    "make_plan",
    "mean_shift",
    "open_model",
    "read_image",
    "read_series",
    "whole_plan",
    "write_labels",
]

_HOME = {
    "MeanShift": "shiftrun.clustering.mean_shift.estimator",
    "Model": "shiftrun.model.open_model",
    "open_model": "shiftrun.model.open_model",
    "mean_shift": "shiftrun.clustering.mean_shift.mean_shift",
    "read_image": "shiftrun.files.reading.images",
    "read_series": "shiftrun.files.reading.images",
    "write_labels": "shiftrun.files.writing.results",
    "Plan": "shiftrun.tiles.plan",
    "Tile": "shiftrun.tiles.plan",
    "make_plan": "shiftrun.tiles.plan",
    "whole_plan": "shiftrun.tiles.plan",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `shiftrun --help` must not wait for numpy and scikit-learn."""
    if name == "__version__":
        from importlib.metadata import version

        return version("shiftlint")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
