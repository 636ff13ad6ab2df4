"""SL501 · how many same-looking objects can be told apart.

A network with periods a, b, … per axis has a·b·… output functions. It can tell apart at most that
many same-looking objects. At a regular spacing p, the limit is the product over the axes of a /
gcd(a, p): all of them if the spacing is coprime to the period, one if it is a multiple (Rumberger
et al. 2021, Corollary 2).

Do: pass --objects and --spacing to compare the limit with your images. If it is too low, deepen the
network or rely on objects that look different.

Bad: --objects 64 --spacing 16

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

Good:
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, prod

from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level

CODE = "SL501"
LEVEL = Level.INFO
TITLE = "how many same-looking objects can be told apart"


def check(case: Case) -> Iterator[Finding]:
    """One finding per output, if --objects or --spacing is given."""
    if case.wish.objects is None and case.wish.spacing is None:
        return
    for output in case.contract.outputs:
        if output.capacity is None:
            continue
        apart = output.capacity
        if case.wish.spacing is not None:
            apart = prod(
                (a.period or 1) // gcd(a.period or 1, at(case.wish.spacing, i) or 0)
                for i, a in enumerate(output.axes)
            )
        wanted = case.wish.objects
        verdict = (
            "" if wanted is None else f", {'enough' if wanted <= apart else 'too few'} for {wanted}"
        )
        yield Finding(
            CODE,
            LEVEL,
            f"output {output.name!r} can tell apart at most {apart} same-looking "
            f"objects{_spacing(case)}{verdict}.",
            ""
            if not verdict.startswith(", too")
            else "Deepen the network, or rely on objects that look different.",
            tensor=output.name,
            fact=(("capacity", apart), ("objects", wanted), ("spacing", case.wish.spacing)),
        )


def _spacing(case: Case) -> str:
    return f" at spacing {', '.join(map(str, case.wish.spacing))} px" if case.wish.spacing else ""
