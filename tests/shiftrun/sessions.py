"""Sessions that fail."""

from __future__ import annotations

from typing import Any

from shiftrun.inference.session import OutOfMemory, Session


class Fails(Session):
    """A session without memory for inputs of more than `limit` px."""

    limit = 200 * 200
    sizes: tuple[int, ...] = ()
    error: type[Exception] = OutOfMemory

    def run(self, batch: Any, outputs: Any = None) -> Any:
        type(self).sizes += (batch.size,)
        if batch.size > self.limit:
            raise type(self).error("out of memory")
        return super().run(batch, outputs)
