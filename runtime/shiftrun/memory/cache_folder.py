"""The cache folder: zoo models and proofs."""

from __future__ import annotations

import os
from pathlib import Path

HOME_VARIABLE = "SHIFTZOO_HOME"


def cache_folder() -> Path:
    """`SHIFTZOO_HOME`, else the system's cache folder."""
    if home := os.environ.get(HOME_VARIABLE):
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_cache_dir("shiftzoo"))
