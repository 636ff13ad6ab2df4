"""Matrix products: the axis summed over vanishes; the result depends on all of it."""

from __future__ import annotations

from dataclasses import replace

from shiftlint.calculus.combine import combine_dims
from shiftlint.calculus.note import Kind, Note, Reason, SizeError, Unsupported
from shiftlint.calculus.tensor import Atom, Dim, Tensor, derived, dim_size, is_uniform
from shiftlint.ops.broadcasting import broadcast, forgotten, spread_over
from shiftlint.ops.layout import transpose
from shiftlint.ops.registry import transfer


@transfer("MatMul", since=1)
def mat_mul(a: Tensor, b: Tensor) -> Tensor:
    """Sum over the last axis of `a` and the second-to-last of `b`.

    Spec: https://onnx.ai/onnx/operators/onnx__MatMul.html
    """
    if not a.rank or not b.rank:
        raise Unsupported(Reason.SCALAR_PRODUCT)
    a, b = forgotten(a), forgotten(b)
    left = replace(a, dims=((), *a.dims)) if a.rank == 1 else a
    right = replace(b, dims=(*b.dims, ())) if b.rank == 1 else b
    if left.shape[-1] != right.shape[-2]:
        raise SizeError(f"a product of {a.shape} and {b.shape}")
    batch = broadcast(_leading(left), _leading(right))
    notes = batch.notes | frozenset(contraction(left.dims[-1], right.dims[-2]))
    rows = (left.dims[-2],) if a.rank > 1 else ()
    columns = (right.dims[-1],) if b.rank > 1 else ()
    return derived((*batch.dims, *rows, *columns), a, b, notes=notes)


@transfer("Gemm", since=7)
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803  # the specification's name
    transB: int = 0,  # noqa: N803
) -> Tensor:
    """A matrix product and a sum.

    Spec: https://onnx.ai/onnx/operators/onnx__Gemm.html
    """
    if a.rank != 2 or b.rank != 2:
        raise Unsupported(Reason.RANKS, ranks=(a.rank, b.rank))
    product = mat_mul(transpose(a) if transA else a, transpose(b) if transB else b)
    return spread_over(product, c)


@transfer("Einsum", since=12)
def einsum(*inputs: Tensor, equation: str) -> Tensor:
    """Named axes: those of the result are broadcast, the others are summed over.

    Spec: https://onnx.ai/onnx/operators/onnx__Einsum.html
    """
    terms, wanted = _parsed(equation, [t.rank for t in inputs])
    met: dict[str, Dim] = {}
    notes: list[Note] = []
    for t, term in zip(map(forgotten, inputs), terms, strict=True):
        for name, dim in zip(term, t.dims, strict=True):
            if name not in met or dim_size(met[name]) == 1:
                met[name] = dim
            elif dim_size(dim) != 1:
                if dim_size(dim) != dim_size(met[name]):
                    raise SizeError(f"axis {name} of {dim_size(met[name])} and {dim_size(dim)}")
                met[name], more = combine_dims(met[name], dim)
                notes += more
    for name in sorted(set(met) - set(wanted)):
        notes += contraction(met[name], (Atom(dim_size(met[name]), None, uniform=True),))
    if any(name not in met for name in wanted) or len(set(wanted)) != len(wanted):
        raise Unsupported(Reason.ATTRIBUTE, attribute="equation", value=equation)
    return derived([met[n] for n in wanted], *inputs, notes=notes)


def contraction(over_a: Dim, over_b: Dim) -> list[Note]:
    """Notes for the axis summed over: global if both follow the image, otherwise also position."""
    tracked = [atom.track for dim in (over_a, over_b) for atom in dim if atom.track]
    if not tracked:
        return []
    notes = [
        Note(Kind.GLOBAL, t.axis, Reason.SUMMED, t.whole or t.relation.period) for t in tracked
    ]
    both = any(a.track for a in over_a) and any(a.track for a in over_b)
    if both:
        return notes + combine_dims(over_a, over_b)[1]
    lonely = over_b if any(a.track for a in over_a) else over_a
    if is_uniform(lonely) or all(t.whole for t in tracked):
        return notes
    return notes + [Note(Kind.POSITION, t.axis, Reason.WEIGHTED) for t in tracked if not t.whole]


def _leading(x: Tensor) -> Tensor:
    return derived(x.dims[:-2], x)


def _parsed(equation: str, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    """The axis names of every input and of the result; an ellipsis gets generated names."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    sources = left.split(",")
    if len(sources) != len(ranks):
        raise Unsupported(Reason.EQUATION_INPUTS, equation=equation, inputs=len(ranks))
    rest = [
        rank - len(source.replace("...", "")) for source, rank in zip(sources, ranks, strict=True)
    ]
    if any(n < 0 or (n and "..." not in source) for n, source in zip(rest, sources, strict=True)):
        raise Unsupported(Reason.EQUATION_RANKS, equation=equation, ranks=tuple(ranks))
    longest = max(
        (n for n, source in zip(rest, sources, strict=True) if "..." in source), default=0
    )

    def names(term: str, count: int) -> list[str]:
        before, dots, after = term.partition("...")
        return [*before, *(f"...{i}" for i in range(longest - count, longest) if dots), *after]

    terms = [names(source, n) for source, n in zip(sources, rest, strict=True)]
    if any(len(set(term)) != len(term) for term in terms):
        raise Unsupported(Reason.EQUATION_DIAGONAL, equation=equation)
    if arrow:
        return terms, names(right, longest)
    once = sorted({n for term in terms for n in term if len(n) == 1 and left.count(n) == 1})
    return terms, [*(f"...{i}" for i in range(longest)), *once]
