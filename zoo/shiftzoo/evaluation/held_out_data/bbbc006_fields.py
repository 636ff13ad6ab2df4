"""Nine sharp fields of BBBC006 with pseudo-labels of the classical pipeline.

python -m shiftzoo.evaluation.held_out_data.bbbc006_fields DATA/hoechst_infocus_unlabelled.npz
-o data/bbbc006_fields.npz

The images (wells a01 to a09) have no labels of their own. BBBC006's labels were made by
CellProfiler, whose pipeline `shiftzoo.evaluation.baseline` follows. Measuring a network against
these labels compares it with that pipeline, not with the truth.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from shiftlint.console.exit_codes import run
from shiftlint.errors import InputError
from shiftzoo.data.labeled_images import Sample, write_archive
from shiftzoo.evaluation.baseline import watershed


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path))
def main(images: Path, out: Path) -> None:
    """Label the images of an .npz archive (`ids`, `image/<id>`) with the classical pipeline."""
    try:
        with np.load(images) as archive:
            fields = {str(name): archive[f"image/{name}"] for name in archive["ids"]}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"no images ({images}): expected an .npz archive of ids and image/<id>, got: {error}."
        ) from error
    write_archive(
        out,
        [Sample(name, image, watershed(image, logarithmic=True)) for name, image in fields.items()],
    )


if __name__ == "__main__":
    run(main, "python -m shiftzoo.evaluation.held_out_data.bbbc006_fields")
