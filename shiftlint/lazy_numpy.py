"""numpy, imported when something of it is first used: that takes longer than the analysis of most
networks, and few need it.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
else:

    class _Late(ModuleType):
        def __getattr__(self, name: str) -> Any:
            value = getattr(import_module(self.__name__), name)
            setattr(self, name, value)  # found without this detour from now on
            return value

    np = _Late("numpy")

__all__ = ["np"]
