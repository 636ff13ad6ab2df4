"""Recurrent networks and transforms: results depend on all of a sequence and on its order."""

from __future__ import annotations

from typing import Any

from shiftlint.calculus.combine import combine_dims
from shiftlint.calculus.note import Reason, SizeError, Unsupported
from shiftlint.calculus.tensor import Parameter, Tensor, derived, dim_of, dim_size
from shiftlint.ops.broadcasting import forgotten
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.ops.normalization import ordered
from shiftlint.ops.registry import signed, transfer

SHARED: dict[str, Any] = {
    "activation_alpha": (0.01,),
    "activation_beta": (0.0,),
    "activations": None,
    "clip": 0.0,
    "direction": "forward",
    "hidden_size": 1,
    "layout": 0,
}


def _recurrent(op: str, extra: dict[str, Any]) -> None:
    def function(
        x: Tensor,
        w: Parameter,
        r: Parameter,
        b: Parameter | None = None,
        sequence_lens: Tensor | None = None,
        initial_h: Tensor | None = None,
        initial_c: Tensor | None = None,
        p: Parameter | None = None,
        **given: Any,
    ) -> tuple[Tensor, ...]:
        if x.rank != 3 or r.rank != 3:
            raise Unsupported(Reason.RANK, rank=x.rank)
        base = forgotten(x)
        layout = given.get("layout", 0)
        sequence, batch = (base.dims[1], base.dims[0]) if layout else (base.dims[0], base.dims[1])
        directions, hidden = dim_of(w.shape[0]), dim_of(r.shape[-1])
        if w.shape[-1] != x.shape[-1]:
            raise SizeError(f"weights of shape {w.shape} for an input of shape {x.shape}")
        for state in (initial_h, initial_c):
            wanted = (dim_size(batch), w.shape[0]) if layout else (w.shape[0], dim_size(batch))
            if state is not None and state.shape != (*wanted, r.shape[-1]):
                raise SizeError(f"a state of shape {state.shape} for an input of shape {x.shape}")
        if sequence_lens is not None and sequence_lens.shape != (dim_size(batch),):
            raise SizeError(
                f"lengths of shape {sequence_lens.shape} for an input of shape {x.shape}"
            )
        notes = ordered(x, [1 if layout else 0, 2], Reason.STATE)
        for state in (initial_h, initial_c):
            if state is not None and state.rank == 3:
                notes += ordered(state, [0 if not layout else 1, 2], Reason.STATE_FROM_IMAGE)
                batch, more = combine_dims(batch, forgotten(state).dims[0 if layout else 1])
                notes += more
        if sequence_lens is not None:
            batch, more = combine_dims(batch, forgotten(sequence_lens).dims[0])
            notes += more
        every = (
            (batch, sequence, directions, hidden)
            if layout
            else (sequence, directions, batch, hidden)
        )
        last = (batch, directions, hidden) if layout else (directions, batch, hidden)
        y, state = (
            derived(d, x, sequence_lens, initial_h, initial_c, notes=notes) for d in (every, last)
        )
        return y, state, state

    transfer(op, since=7)(
        signed(
            function,
            SHARED | extra,
            op,
            "A state that runs along a sequence; batch elements stay separate.",
        )
    )


_recurrent("RNN", {})
_recurrent("GRU", {"linear_before_reset": 0})
_recurrent("LSTM", {"input_forget": 0})


@transfer("DFT", since=20)
def dft(
    x: Tensor,
    dft_length: Tensor | None = None,
    axis: Tensor | None = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    """Frequencies of a whole axis.

    Spec: https://onnx.ai/onnx/operators/onnx__DFT.html
    """
    along = integers(axis, "axis") if axis is not None else [-2]
    return dft_17(x, dft_length, axis=along[0] if along else -2, inverse=inverse, onesided=onesided)


@transfer("DFT", since=17)
def dft_17(
    x: Tensor,
    dft_length: Tensor | None = None,
    *,
    axis: int = 1,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    """Frequencies of a whole axis, given by an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_DFT_17_20.html
    """
    index = checked_axis(axis, x.rank)
    parts = dim_size(x.dims[-1])
    if parts != 2 and (parts != 1 or (inverse and onesided)):
        raise SizeError(f"a last dimension of {parts} elements for complex numbers")
    length = (
        integers(dft_length, "dft_length")[0]
        if dft_length is not None and dft_length.shape != (0,)
        else dim_size(x.dims[index])
    )
    size = length // 2 + 1 if onesided and not inverse else length
    notes = ordered(x, [index], Reason.FOURIER)
    dims = list(forgotten(x).dims)
    dims[index] = dim_of(size)
    dims[-1] = dim_of(1 if inverse and onesided else 2)
    return derived(dims, x, notes=notes)


@transfer("STFT", since=17)
def stft(
    signal: Tensor,
    frame_step: Tensor,
    window: Tensor | None = None,
    frame_length: Tensor | None = None,
    *,
    onesided: int = 1,
) -> Tensor:
    """Frequencies of frames of the signal.

    Spec: https://onnx.ai/onnx/operators/onnx__STFT.html
    """
    raise Unsupported(Reason.SIGNAL_FRAMES)
