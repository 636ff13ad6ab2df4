"""onnxruntime sessions on the CPU, and the errors of those that do not start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shiftlint.errors import InputError

if TYPE_CHECKING:
    import onnxruntime


class Refused(InputError):
    """onnxruntime does not load the model."""


def open_session(
    model: str | Path | bytes, *, where: str | None = None
) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU; `where` names the model in errors.

    InputError if onnxruntime is missing, Refused if it does not load the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "onnxruntime is missing (verify): expected it to be installed, got none. Run pip "
            'install "shiftlint[cpu]".'
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except refusals() as error:
        named = where or ("model" if isinstance(model, bytes) else model)
        raise Refused(
            f"onnxruntime rejects the model ({named}): expected one that it runs, got: "
            f"{first_line(error)}"
        ) from error


def refusals() -> tuple[type[Exception], ...]:
    """The exceptions of onnxruntime, which have no common base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [c for c in vars(state).values() if isinstance(c, type) and issubclass(c, Exception)]
    return (*own, RuntimeError, ValueError)


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
