"""Attention: every element of a sequence depends on the whole of it; what the sequence is made of decides how far that is.

A sequence that is the plain inside of a window (see `shiftlint.ops.layout`) leaves the axes of the image local; one that follows an
axis makes it global. A mask or an embedding that varies along such an axis, causality and rotary angles fix the place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shiftlint.axes import Kind, SizeError, Tensor, Unsupported, derived, dim_of, dim_size
from shiftlint.ops.broadcasting import broadcast, forgotten
from shiftlint.ops.indexing import positioned
from shiftlint.ops.normalization import ordered, reduced
from shiftlint.transfer import signed, transfer, unknown

ATTENDED = "attention over the whole axis"


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
    placed = bool(is_causal) or attn_mask is not None or past_key is not None or max(left_window_size, right_window_size) >= 0
    heads = (q_num_heads, kv_num_heads) if q.rank == 3 else (1, 1)
    return attended(q, k, v, placed=placed, heads=heads)


def attended(q: Tensor, k: Tensor, v: Tensor, *, placed: bool, heads: tuple[int, int] = (1, 1)) -> Tensor:
    """Queries (batch, …, sequence, channels) over keys and values; `placed`: something else depends on the place."""
    if not q.rank == k.rank == v.rank >= 3:
        raise Unsupported(f"inputs of rank {q.rank}, {k.rank} and {v.rank}")
    if dim_size(k.dims[-2]) != dim_size(v.dims[-2]):
        raise SizeError(f"{dim_size(k.dims[-2])} keys for {dim_size(v.dims[-2])} values")
    q, k, v = forgotten(q), forgotten(k), forgotten(v)
    notes = ordered(q, [-1], "weighted by its place") + ordered(v, [-1], "weighted by its place")
    notes += [note for t in (k, v) for note in reduced(t, [-2], ATTENDED)]
    if placed:
        notes += [note for t in (q, k, v) for note in positioned(t, [-2], "attention that depends on the place")]
    groups = heads[0] // heads[1] if heads[1] else 1
    batch = broadcast(*(replace(t, dims=t.dims[:-2] if t.rank == 3 else t.dims[:1]) for t in (q, k, v)))
    middle = q.dims[1:-2]
    dims = (*batch.dims, *middle, q.dims[-2], dim_of(dim_size(v.dims[-1]) * groups))
    return derived(dims, q, k, v, notes=(*batch.notes, *notes))


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
    return forgotten(x).with_notes(positioned(x, range(1, x.rank), "an angle that grows along the axis"))


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
    return result.with_notes(ordered(query, [1], "a state that runs along the axis"))


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
            raise Unsupported("packed or cached keys and values")
        more = (key_padding_mask, attention_bias, past_key, past_value)
        return attended(query, key, value, placed=bool(given.get("unidirectional")) or any(t is not None for t in more))

    transfer(op, since=1, domain="com.microsoft")(signed(function, attributes, op, "Attention of several heads."))


_multi_head("MultiHeadAttention", {"num_heads": 1, "mask_filter_value": -1e4, "scale": 0.0, "unidirectional": 0})


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
    """Projections to queries, keys and values, and attention between them.

    Spec: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Attention
    """
    if x.rank != 3 or weights.rank != 2:
        raise Unsupported(f"an input of rank {x.rank}")
    hidden = qkv_hidden_sizes[-1] if qkv_hidden_sizes else weights.shape[1] // 3
    value = forgotten(x).with_dim(-1, dim_of(hidden))
    placed = bool(unidirectional or do_rotary) or any(t is not None for t in (mask_index, past, attention_bias))
    notes = [note for note in ordered(x, [-1], "weighted by its place") if note.kind is Kind.POSITION]
    return attended(value, value, value, placed=placed).with_notes(notes)


for _op in ("GroupQueryAttention", "PackedAttention", "PackedMultiHeadAttention", "DecoderMaskedMultiHeadAttention"):
    unknown(_op, "attention over packed or cached sequences", domain="com.microsoft")
