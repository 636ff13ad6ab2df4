"""The marker `shared`: tests that use what lies beside the project in `../shared`."""

from __future__ import annotations

import pytest

from tests.shared import missing


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "shared(*needed): uses these of ../shared; skipped where one is missing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        lacking = [path for marker in item.iter_markers("shared") for path in missing(*marker.args)]
        if lacking:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(lacking)}"), append=False)
