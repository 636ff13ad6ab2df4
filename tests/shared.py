"""The files outside the project in `../shared`, on machines that have it.

A test that uses them is marked `pytest.mark.shared("conformance/truth.json")` with the files it
needs, and is skipped if they are missing (`conftest.py`). `pytest -m shared` runs only these tests.
"""

from __future__ import annotations

from pathlib import Path

SHARED = Path(__file__).parents[2] / "shared"


def missing(*needed: str) -> list[str]:
    """The named files and folders that are missing; the shared folder itself if none are named."""
    return [str(SHARED / name) for name in needed or (".",) if not (SHARED / name).exists()]
