"""The folder of what is kept between runs: models of the zoo, and proofs."""

from __future__ import annotations

import os
from pathlib import Path

HOME_VARIABLE = "SHIFTZOO_HOME"


def cache_folder() -> Path:
    """`SHIFTZOO_HOME`, else the system's folder for such files."""
    if home := os.environ.get(HOME_VARIABLE):
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_cache_dir("shiftzoo"))
