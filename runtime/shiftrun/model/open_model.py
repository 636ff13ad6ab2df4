"""Open a model by path or name: compute its contract and compare it with the stored one."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from shiftlint.errors import InputError
from shiftrun.model.model import INSTANCE_OUTPUTS, Model, TileWish

__all__ = ["INSTANCE_OUTPUTS", "Model", "TileWish", "open_model", "resolve"]


def open_model(
    path: Path | str,
    *,
    device: str = "auto",
    force: bool = False,
    workers: int = 1,
    memory: int | None = None,
    image_input: str | None = None,
    precision: str = "exact",
    check: int | None = None,
) -> Model:
    """Open a model file and determine its contract.

    Parameters
    ----------
    path : Path or str
        An ONNX file, or the name of a zoo model, which is downloaded on first use.
    device : str
        "auto", "cpu", "cuda", "coreml", "directml", or the name of an onnxruntime execution
        provider.
    force : bool
        Use the computed contract if the stored one is stale; stitch naively if the exact plan is
        refused.
    workers : int
        Tiles to run at a time, sharing the cores; results do not depend on it.
    memory : int, optional
        Bytes that the process may use, for `tile="auto"`. Default: 80 % of what is free.
    image_input : str, optional
        The input that takes the image, if the network has several.
    precision : {"exact", "tf32", "fp16"}
        The last two need CUDA and are not bit-identical.
    check : int, optional
        Tiles per run to compare with larger windows; InputError if they differ. Default: the first
        run of a network in more than one tile, on this device and with this read shape, is compared
        with other windows of the image; the proof is stored next to the zoo's cache.

    Raises
    ------
    InputError
        The file is missing, empty or not an ONNX model; the zoo has no such model, or it cannot be
        downloaded; SL602: the stored contract does not match the graph.
    """
    from shiftlint import analyze, read_metadata

    path = resolve(path)
    if path.stat().st_size == 0:
        raise InputError(
            f"empty model ({path}): expected an ONNX file, got 0 bytes. Download it again."
        )
    metadata, contract = read_metadata(path), analyze(path, input_name=image_input)
    if metadata.contract is None:
        source = "computed"
    elif metadata.contract == contract:
        source = "stored"
    elif force:
        source = "recomputed (stale)"
    else:
        raise InputError(
            f"stored contract is stale ({path}): expected the contract of this graph, got a "
            "different one in the metadata. Run shiftlint fix, or pass --force to use the "
            "computed one.",
            code="SL602",
        )
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Model(
        path, sha256, contract, source, metadata, device, force, workers, memory, precision, check
    )


def resolve(model: Path | str) -> Path:
    """The file of a model, by path or zoo name (letters, digits and _); InputError if none."""
    path = Path(model)
    if path.is_file():
        return path
    if path.is_dir() or not re.fullmatch(r"[A-Za-z0-9_]+", str(model)):
        raise InputError(
            f"no such model ({path}): expected an ONNX file, got "
            f"{'a folder' if path.is_dir() else 'nothing'}. Check the path."
        )
    from shiftrun.fetch.find_model import find_model
    from shiftrun.progress import progress_bar

    with progress_bar(f"fetching {model}", "bytes", quiet=False) as bar:
        return find_model(str(model), progress=bar)
