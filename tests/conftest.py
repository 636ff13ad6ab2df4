"""The marker `shared`: tests that use files outside the project, in `../shared`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.shared import missing


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep data stored between runs out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHIFTZOO_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "shared(*needed): uses these of ../shared; skipped where one is missing"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        lacking = [path for marker in item.iter_markers("shared") for path in missing(*marker.args)]
        if lacking:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(lacking)}"), append=False)
