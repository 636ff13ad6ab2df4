"""Attention: every element of a sequence depends on all of it.

If the sequence is only the inside of a window (see `shiftlint.ops.layout`), the image axes stay
local; if it follows an image axis, that axis becomes global. A mask or an embedding that varies
along such an axis, causality and rotary angles depend on position.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shiftlint.calculus.combine import combine_dims
from shiftlint.calculus.note import Kind, Reason, SizeError, Unsupported
from shiftlint.calculus.tensor import Dim, Tensor, derived, dim_of, dim_size
from shiftlint.ops.broadcasting import broadcast, forgotten
from shiftlint.ops.indexing import positioned
from shiftlint.ops.normalization import ordered, reduced
from shiftlint.ops.registry import signed, transfer, unknown

EQUAL = (1, 1)  # heads within the channels, as many of queries as of keys


@transfer("Attention", since=23)
def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    nonpad_kv_seqlen: Tensor | None = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int = 0,
    q_num_heads: int = 0,
    qk_matmul_output_mode: int = 0,
    scale: float = 0.0,
    softcap: float = 0.0,
    softmax_precision: int = 0,
    left_window_size: int = -1,
    right_window_size: int = -1,
) -> Tensor:
    """Each query depends on all keys and values.

    Spec: https://onnx.ai/onnx/operators/onnx__Attention.html
    """
    causal = (
        bool(is_causal)
        or nonpad_kv_seqlen is not None
        or max(left_window_size, right_window_size) >= 0
    )
    heads = None if q.rank == 4 else (q_num_heads, kv_num_heads)
    result = attended(q, k, v, placed=causal or past_key is not None, heads=heads)
    given = [t for t in (past_key, past_value, nonpad_kv_seqlen) if t is not None]
    result = result.with_notes(
        note for t in given for note in positioned(t, range(t.rank), Reason.ATTENTION_BY_PLACE)
    )
    if attn_mask is None:
        return result
    past = 0 if past_key is None else dim_size(past_key.dims[-2])
    return _masked(result, attn_mask, (k, v), past, q_num_heads if heads else dim_size(q.dims[1]))


def attended(
    q: Tensor, k: Tensor, v: Tensor, *, placed: bool, heads: tuple[int, int] | None = None
) -> Tensor:
    """Queries (batch, heads, sequence, channels) attend to keys and values.

    `placed`: something else depends on position. If `heads` (of queries, of keys) is given, heads
    are within the channels: (batch, sequence, channels). If there are fewer key heads than query
    heads, adjacent query heads share a key head.
    """
    if not q.rank == k.rank == v.rank == (3 if heads else 4):
        raise Unsupported(Reason.RANKS, ranks=(q.rank, k.rank, v.rank))
    q, k, v = forgotten(q), forgotten(k), forgotten(v)
    of_queries, of_keys = heads or (dim_size(q.dims[1]), dim_size(k.dims[1]))
    _check(q, k, v, of_queries, of_keys)
    notes = ordered(q, [-1], Reason.WEIGHTED) + ordered(v, [-1], Reason.WEIGHTED)
    notes += [note for t in (k, v) for note in reduced(t, [-2], Reason.ATTENTION)] + combine_dims(
        k.dims[-2], v.dims[-2]
    )[1]
    if placed:
        notes += [
            note for t in (q, k, v) for note in positioned(t, [-2], Reason.ATTENTION_BY_PLACE)
        ]
    if heads is None and 1 < of_keys < of_queries:
        notes += [note for t in (q, k, v) for note in positioned(t, [1], Reason.HEADS_BY_PLACE)]
        k, v = (replace(t, dims=(t.dims[0], (), *t.dims[2:])) for t in (k, v))
    lead = broadcast(*(replace(t, dims=t.dims[:-2]) for t in (q, k, v)))
    values = dim_size(v.dims[-1]) * (of_queries // of_keys if heads else 1)
    return derived((*lead.dims, q.dims[-2], dim_of(values)), q, k, v, notes=(*lead.notes, *notes))


def _check(q: Tensor, k: Tensor, v: Tensor, of_queries: int, of_keys: int) -> None:
    """Raise SizeError if queries, keys and values with these numbers of heads do not match."""
    if of_keys < 1 or of_queries % of_keys:
        raise SizeError(f"{of_queries} query heads are not a multiple of {of_keys} key heads")
    if not q.shape[0] == k.shape[0] == v.shape[0]:
        raise SizeError(
            f"batches of {q.shape[0]}, {k.shape[0]} and {v.shape[0]}, which cannot be broadcast"
        )
    if k.shape[1:-1] != v.shape[1:-1]:
        raise SizeError(f"keys of shape {k.shape} for values of shape {v.shape}")
    if q.shape[-1] * (of_keys if q.rank == 3 else 1) != k.shape[-1] * (
        of_queries if q.rank == 3 else 1
    ):
        raise SizeError(f"queries of shape {q.shape} for keys of shape {k.shape}")


def _masked(
    result: Tensor, mask: Tensor, attended_to: tuple[Tensor, ...], past: int, heads: int
) -> Tensor:
    """The result with a mask ([batch, heads,] queries, keys) and `past` more keys."""
    mask = forgotten(mask)
    shape = (result.shape[0], heads, result.shape[-2], attended_to[0].shape[-2] + past)[
        4 - mask.rank :
    ]
    spread = (1, 1, *shape[-2:])[4 - mask.rank :]
    if not 2 <= mask.rank <= 4 or any(
        n not in fit for n, *fit in zip(mask.shape, shape, spread, strict=True)
    ):
        raise SizeError(
            f"a mask of shape {mask.shape} for {heads} heads, {result.shape[-2]} queries and "
            f"{shape[-1]} keys"
        )
    missing: tuple[Dim, ...] = ((),) * (4 - mask.rank)
    batch, of_heads, queries, keys = (*missing, *mask.dims)
    notes = reduced(mask, [-1], Reason.ATTENTION)
    if not past:
        notes += [
            note for t in attended_to for note in combine_dims(forgotten(t).dims[-2], keys)[1]
        ]
    dims: tuple[Dim, ...] = (
        (batch, of_heads, queries, ()) if result.rank == 4 else (batch, queries, ())
    )
    if result.rank == 3:
        notes += ordered(
            mask,
            range(mask.rank - 3, mask.rank - 2) if mask.rank > 2 else (),
            Reason.MASK_OVER_HEADS,
        )
    return broadcast(result, replace(mask, dims=dims)).with_notes(notes)


@transfer("RotaryEmbedding", since=23)
def rotary_embedding(
    x: Tensor,
    cos_cache: Tensor,
    sin_cache: Tensor,
    position_ids: Tensor | None = None,
    *,
    interleaved: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
) -> Tensor:
    """Rotate by an angle that grows along the sequence.

    Spec: https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
    """
    return forgotten(x).with_notes(positioned(x, range(1, x.rank), Reason.ANGLE))


@transfer("LinearAttention", since=27)
def linear_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    past_state: Tensor | None = None,
    decay: Tensor | None = None,
    beta: Tensor | None = None,
    *,
    q_num_heads: int,
    kv_num_heads: int,
    chunk_size: int = 64,
    scale: float = 0.0,
    update_rule: str = "gated_delta",
) -> Tensor:
    """A state that runs along the sequence.

    Spec: https://onnx.ai/onnx/operators/onnx__LinearAttention.html
    """
    result = attended(query, key, value, placed=False, heads=(q_num_heads, kv_num_heads))
    return result.with_notes(ordered(query, [1], Reason.STATE))


def _multi_head(op: str, attributes: dict[str, Any]) -> None:
    def function(
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        bias: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        attention_bias: Tensor | None = None,
        past_key: Tensor | None = None,
        past_value: Tensor | None = None,
        past_sequence_length: Tensor | None = None,
        cache_indirection: Tensor | None = None,
        **given: Any,
    ) -> Tensor:
        if key is None or value is None or not query.rank == key.rank == value.rank == 3:
            raise Unsupported(Reason.PACKED_KEYS)
        more = [
            t for t in (key_padding_mask, attention_bias, past_key, past_value) if t is not None
        ]
        result = attended(
            query, key, value, placed=bool(given.get("unidirectional") or more), heads=EQUAL
        )
        return result.with_notes(
            note for t in more for note in positioned(t, range(t.rank), Reason.ATTENTION_BY_PLACE)
        )

    transfer(op, since=1, domain="com.microsoft")(
        signed(function, attributes, op, "Multi-head attention.")
    )


_multi_head(
    "MultiHeadAttention",
    {"num_heads": 1, "mask_filter_value": -1e4, "scale": 0.0, "unidirectional": 0},
)


@transfer("Attention", since=1, domain="com.microsoft")
def attention_microsoft(
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    mask_index: Tensor | None = None,
    past: Tensor | None = None,
    attention_bias: Tensor | None = None,
    past_sequence_length: Tensor | None = None,
    *,
    num_heads: int,
    unidirectional: int = 0,
    qkv_hidden_sizes: tuple[int, ...] | None = None,
    past_present_share_buffer: int = 0,
    do_rotary: int = 0,
    rotary_embedding_dim: int = 0,
    mask_filter_value: float = -1e4,
    scale: float = 0.0,
) -> Tensor:
    """Project to queries, keys and values, then attend.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Attention
    """
    if x.rank != 3 or weights.rank != 2:
        raise Unsupported(Reason.RANK, rank=x.rank)
    hidden = qkv_hidden_sizes[-1] if qkv_hidden_sizes else weights.shape[1] // 3
    value = forgotten(x).with_dim(-1, dim_of(hidden))
    more = [t for t in (mask_index, past, attention_bias) if t is not None]
    notes = [note for note in ordered(x, [-1], Reason.WEIGHTED) if note.kind is Kind.POSITION]
    notes += [
        note for t in more for note in positioned(t, range(t.rank), Reason.ATTENTION_BY_PLACE)
    ]
    return attended(
        value, value, value, placed=bool(unidirectional or do_rotary or more), heads=EQUAL
    ).with_notes(notes)


for _op in (
    "GroupQueryAttention",
    "PackedAttention",
    "PackedMultiHeadAttention",
    "DecoderMaskedMultiHeadAttention",
):
    unknown(_op, Reason.CACHED_ATTENTION, domain="com.microsoft")
