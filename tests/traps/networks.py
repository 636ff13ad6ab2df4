"""The traps, by kind, in ONNX's text syntax.

A trap is a network `y = f(x)` with the sizes of an image and of a tile. Each must be handled
honestly: tiles equal the whole image, up to rounding where the plan says so, or are refused.
"""

# ruff: noqa: E501 (a network is a line)

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import onnx
from onnx import parser


@dataclass(frozen=True)
class Trap:
    """A network and how to run it.

    Attributes
    ----------
    text : str
        The nodes of the graph; functions of the model after a line `---`.
    constants : str
        Initializers.
    shape : str
        Of the input.
    opset : int
    image : tuple of int
        (C, *space)
    tile : int
    """

    text: str
    constants: str = ""
    shape: str = "n,1,h,w"
    opset: int = 18
    image: tuple[int, ...] = (1, 300, 346)
    tile: int = 128

    def model(self) -> onnx.ModelProto:
        """The network."""
        nodes, _, functions = self.text.partition("---")
        constants = f"<{self.constants}>" if self.constants else ""
        imports = f'"": {self.opset}, "com.microsoft": 1, "own": 1'
        head = f"<ir_version: 8, opset_import: [{imports}]> g (float[{self.shape}] x) => (float[?,?,?,?] y)"
        return parser.parse_model(f"{head} {constants} {{ {nodes} }} {functions}")


H, W = "sh = Shape<start = 2, end = 3>(x)", "sw = Shape<start = 3, end = 4>(x)"
FLOAT_H = f"{H} hf = Cast<to = 1>(sh)"
ONE, TWO = "int64[1] one = {1}", "int64[1] two = {2}"
SMALL = (
    f"{H} b = Less(sh, limit) small = Cast<to = 7>(b)"  # 1 where the image is lower than `limit`
)
LIMIT = "int64[1] limit = {200}"
BANK = "float[3,1,1,1] w = {1, -2, 3}"
FUNCTION = '<domain: "own", opset_import: ["": 18]>'

NOTES_ARE_KEPT = {
    "layer norm over the image": Trap(
        "s = Shape<start = 1, end = 4>(x) g = ConstantOfShape(s) g1 = Add(g, c) y = "
        "LayerNormalization<axis = 1>(x, g1)",
        "float c = {1}",
    ),
    "layer norm over the image, exported": Trap(
        "y = LayerNormalization<axis = 2>(x, g)",
        "float[1,1] g = {2}",
    ),
    "layer norm scaled by the image": Trap("y = LayerNormalization<axis = 1>(x, x)"),
    "rms norm over the image": Trap(
        "s = Shape<start = 1, end = 4>(x) g = ConstantOfShape<value = float[1] {2}>(s) y = "
        "RMSNormalization<axis = 1>(x, g)",
        opset=23,
    ),
    "skip layer norm over rows": Trap(
        "r = Reshape(x, rows) y0, a, b, s = com.microsoft.SkipLayerNormalization(r, r, g) z = "
        "Shape(x) y = Reshape(y0, z)",
        "int64[3] rows = {1, -1, 346}, float[346] g = {" + ",".join(["1"] * 346) + "}",
        shape="1,1,h,346",
    ),
    "loss over the image": Trap("m = ReduceMean(x) d = Sub(x, m) y = Softmax<axis = 2>(d)"),
}

SIZES_ENTER = {
    "counted by a sum": Trap(
        f"{H} o = ConstantOfShape<value = float[1] {{1}}>(sh) c = ReduceSum<keepdims = 0>(o) y = "
        "Div(x, c)"
    ),
    "counted over both axes": Trap(
        "s = Shape(x) o = ConstantOfShape<value = float[1] {1}>(s) c = ReduceSum<keepdims = 0>(o) "
        "y = Div(x, c)"
    ),
    "counted by a mean of squares": Trap(
        f"{H} o = ConstantOfShape<value = float[1] {{2}}>(sh) c = ReduceSumSquare<keepdims = "
        "0>(o) y = Div(x, c)"
    ),
    "expanded and counted": Trap(
        f"{H} e = Expand(c1, sh) c = ReduceSum<keepdims = 0>(e) y = Mul(x, c)", "float[1] c1 = {1}"
    ),
    "tiled and counted": Trap(
        f"{H} e = Tile(c1, sh) c = ReduceSum<keepdims = 0>(e) y = Mul(x, c)", "float[1] c1 = {1}"
    ),
    "padded with the size": Trap(
        f"{FLOAT_H} v = Squeeze(hf) y = Pad(x, p, v)", "int64[8] p = {0, 0, 2, 0, 0, 0, 2, 0}"
    ),
    "padded and counted": Trap(
        f"{H} p = Concat<axis = 0>(zero, sh) e = Pad(c1, p, v) c = ReduceSum<keepdims = 0>(e) y = "
        "Mul(x, c)",
        "float[1] c1 = {1}, float v = {1}, int64[1] zero = {0}",
    ),
    "counted by a product": Trap(
        f"{H} a = Concat<axis = 0>(one, sh) b = Concat<axis = 0>(sh, one) o = "
        f"ConstantOfShape<value = float[1] {{1}}>(a) "
        "p = ConstantOfShape<value = float[1] {1}>(b) c = MatMul(o, p) y = Mul(x, c)",
        ONE,
    ),
    "counted by NonZero": Trap(
        f"{H} o = ConstantOfShape<value = float[1] {{1}}>(sh) z = NonZero(o) m = "
        "ReduceMax<keepdims = 0>(z) f = Cast<to = 1>(m) y = Mul(x, f)"
    ),
    "counted by CumSum": Trap(
        f"{H} o = ConstantOfShape<value = float[1] {{1}}>(sh) z = CumSum(o, ax) m = "
        "ReduceMax<keepdims = 0>(z) y = Mul(x, m)",
        "int64 ax = {0}",
    ),
    "counted on the diagonal": Trap(
        f"{H} a = Concat<axis = 0>(sh, sh) o = ConstantOfShape<value = float[1] {{1}}>(a) e = "
        "EyeLike(o) c = ReduceSum<keepdims = 0>(e) y = Mul(x, c)"
    ),
    "a table that is cut": Trap(
        f"{H} r = Mod(sh, k) e = Add(r, one) t = Slice(table, one, e) c = ReduceSum<keepdims = "
        "0>(t) y = Mul(x, c)",
        "int64[1] k = {7}, int64[1] one = {1}, float[9] table = {1, 2, 3, 4, 5, 6, 7, 8, 9}",
    ),
    "a bank of weights that is cut": Trap(
        f"{SMALL} e = Add(small, one) k = Slice(w, small, e) y = Conv(x, k)",
        f"{LIMIT}, {ONE}, {BANK}",
    ),
    "a bank of weights that is gathered from": Trap(
        f"{SMALL} k = Gather(w, small) y = Conv(x, k)", f"{LIMIT}, {BANK}"
    ),
    "the size of a cut axis": Trap(
        f"{H} e = Sub(sh, two) c = Slice(x, two, e, two) s = Shape<start = 2, end = 3>(c) f = "
        "Cast<to = 1>(s) y = Div(x, f)",
        TWO,
    ),
    "the size of a table that was cut": Trap(
        f"{H} z = ConstantOfShape(sh) n = Size(z) f = Cast<to = 1>(n) y = Mul(x, f)"
    ),
    "a factor in a function": Trap(
        f"{FLOAT_H} y = own.Times(x, hf) --- {FUNCTION} Times (a, b) => (c) {{ c = Mul(a, b) }}"
    ),
    "a term with both sizes": Trap(f"{H} {W} b = Less(sh, sw) f = Cast<to = 1>(b) y = Add(x, f)"),
    "a ratio of both sizes": Trap(
        f"{H} {W} a = Cast<to = 1>(sh) b = Cast<to = 1>(sw) r = Div(a, b) y = Mul(x, r)"
    ),
    "an exponent": Trap(f"{FLOAT_H} e = Div(hf, k) a = Abs(x) y = Pow(a, e)", "float k = {100}"),
    "a threshold": Trap(f"{FLOAT_H} e = Div(hf, k) z = Sub(x, e) y = Relu(z)", "float k = {300}"),
    "a limit of Clip": Trap(
        f"{FLOAT_H} e = Div(hf, k) q = Squeeze(e) y = Clip(x, q)", "float[1] k = {300}"
    ),
    "a depth of OneHot": Trap(
        f"{SMALL} d = Add(small, two) q = Squeeze(d) o = OneHot<axis = 0>(i, q, v) c = "
        "ReduceSum<keepdims = 0>(o) y = Mul(x, c)",
        f"{LIMIT}, {TWO}, int64[2] i = {{0, 2}}, float[2] v = {{0, 1}}",
    ),
    "a count of TopK": Trap(
        f"c = Conv(x, w) {SMALL} k = Add(small, one) v, i = TopK<axis = 1>(c, k) y = ReduceSum(v, "
        "one)",
        f"{LIMIT}, {ONE}, {BANK}",
    ),
    "a value behind Where": Trap(
        f"{H} b = Less(sh, limit) v = Where(b, c1, c2) y = Mul(x, v)",
        f"{LIMIT}, float[1] c1 = {{2}}, float[1] c2 = {{3}}",
    ),
}

SIZES_STEER = {
    "a branch of what is computed outside": Trap(
        "sh = Shape<start = 2, end = 3>(x) sw = Shape<start = 3, end = 4>(x) m = Mul(sh, sw) b = "
        "Less(m, limit) q = Squeeze(b) "
        "r1 = Relu(x) r2 = Neg(x) y = If(q) <then_branch = g1 () => (float[?,?,?,?] a) "
        "{ a = Identity(r1) }, "
        "else_branch = g2 () => (float[?,?,?,?] c) { c = Identity(r2) }>",
        "int64[1] limit = {150000}",
        image=(1, 400, 500),
    ),
    "a branch of the size or of the batch": Trap(
        f"{H} s = Shape<start = 0, end = 1>(x) b = Greater(s, one) q = Squeeze(b) r1 = Relu(x) r2 "
        "= Neg(x) "
        "y = If(q) <then_branch = g1 () => (float[?,?,?,?] a) { a = Identity(r1) }, "
        "else_branch = g2 () => (float[?,?,?,?] c) { c = Identity(r2) }>",
        "int64[1] one = {1}",
    ),
    "repeats that are merged, in a function": Trap(
        "sh = Shape<start = 2, end = 3>(x) sw = Shape<start = 3, end = 4>(x) m = Mul(sh, sw) b = "
        "Less(m, limit) i = Cast<to = 7>(b) "
        "k = Add(i, two) y = own.F(x, w, k, sh, sw)"
        '---\n<domain: "own", opset_import: ["": 18]> F (x, w, k, sh, sw) => (y) { c = Conv(x, w) '
        "o = Constant<value = int64[1] {1}>() t = Constant<value = int64[1] {3}>() n = Mul(t, k) "
        "ax = Constant<value = int64[1] {2}>() u = Unsqueeze(c, ax) p = Concat<axis = 0>(o, t, k, "
        "sh, sw) e = Expand(u, p) "
        "v = Concat<axis = 0>(o, n, sh, sw) r = Reshape(e, v) z = Constant<value = int64[1] "
        "{2}>() y = Slice(r, z, t, o) }",
        "int64[1] limit = {150000}, int64[1] two = {2}, " + BANK,
        image=(1, 400, 500),
    ),
    "a mean of whole numbers": Trap(
        f"{H} cc = Concat<axis = 0>(sh, one) m = ReduceMean<keepdims = 0>(cc) b = Greater(m, "
        "half) j = Cast<to = 7>(b) "
        "i = Reshape(j, one) n = Add(i, one) c = Conv(x, w) y = Slice(c, i, n, one)",
        "int64[1] one = {1}, int64 half = {48}, " + BANK,
        image=(1, 400, 500),
        tile=96,
    ),
    "channels by Slice": Trap(
        f"c = Conv(x, w) {SMALL} e = Add(small, one) y = Slice(c, small, e, one)",
        f"{LIMIT}, {ONE}, {BANK}",
    ),
    "channels by Gather": Trap(
        f"c = Conv(x, w) {SMALL} y = Gather<axis = 1>(c, small)", f"{LIMIT}, {BANK}"
    ),
    "channels by Split": Trap(
        f"c = Conv(x, w) {SMALL} p0 = Add(small, one) q0 = Sub(two, small) s = Concat<axis = "
        "0>(p0, q0) p, q = Split<axis = 1>(c, s) "
        "y = ReduceSum(p, one)",
        f"{LIMIT}, {ONE}, {TWO}, {BANK}",
    ),
    "channels by Pad": Trap(
        f"c = Conv(x, w) {SMALL} n = Sub(one, small) p = Concat<axis = 0>(z, small, zz, z, n, zz) "
        "d = Pad(c, p) y = Conv(d, v)",
        f"{LIMIT}, {ONE}, {BANK}, int64[1] z = {{0}}, int64[2] zz = {{0, 0}}, float[1,4,1,1] v = "
        f"{{1, 2, 3, 4}}",
    ),
    "channels by Tile": Trap(
        f"{SMALL} r = Add(small, one) q = Concat<axis = 0>(one, r, one, one) t = Tile(x, q) y = "
        "ReduceSum(t, one)",
        f"{LIMIT}, {ONE}",
    ),
    "channels by Expand": Trap(
        f"{SMALL} r = Add(small, one) q = Concat<axis = 0>(one, r, one, one) t = Expand(x, q) y = "
        "ReduceSum(t, one)",
        f"{LIMIT}, {ONE}",
    ),
    "channels by Reshape": Trap(
        f"c = Conv(x, w) {SMALL} {W} r = Add(small, one) p = Mul(r, two) q = Div(four, p) s = "
        "Concat<axis = 0>(one, p, q, sh, sw) "
        "d = Reshape(c, s) m = ReduceMax<keepdims = 0>(d, one) y = ReduceSum(m, one)",
        f"{LIMIT}, {ONE}, {TWO}, int64[1] four = {{4}}, float[4,1,1,1] w = {{1, -2, 6, -8}}",
    ),
    "channels by Concat": Trap(
        f"c = Conv(x, w) {SMALL} z = Sub(small, small) a = Slice(c, z, small, one) d = "
        "Concat<axis = 1>(a, c) y = ReduceSum(d, one)",
        f"{LIMIT}, {ONE}, {BANK}",
    ),
    "channels by Compress": Trap(
        f"c = Conv(x, w) {H} b = Less(sh, limit) n = Not(b) k = Concat<axis = 0>(b, n, n) d = "
        "Compress<axis = 1>(c, k) y = ReduceSum(d, one)",
        f"{LIMIT}, {ONE}, {BANK}",
    ),
    "groups by Reshape, then a softmax": Trap(
        f"c = Conv(x, w) {SMALL} {W} r = Add(small, one) q = Div(four, r) s = Concat<axis = "
        "0>(one, r, q, sh, sw) "
        "d = Reshape(c, s) m = Softmax<axis = 2>(d) t = Concat<axis = 0>(one, four, sh, sw) e = "
        "Reshape(m, t) y = ReduceMax(e, one)",
        f"{LIMIT}, {ONE}, int64[1] four = {{4}}, float[4,1,1,1] w = {{1, -2, 6, -8}}",
    ),
    **{
        f"a crop by {name}": Trap(
            f"{H} q = {how} c = Equal(q, v) st = Where(c, one, z) e0 = Sub(sh, one) e = Add(st, "
            "e0) y = Slice(x, st, e, two)",
            f"{ONE}, {TWO}, int64[1] z = {{0}}, int64[1] k = {{{k}}}, int64[1] v = {{{v}}}",
            image=(1, size, 256),
        )
        for name, how, k, v, size in (
            ("H // 300", "Div(sh, k)", 300, 2, 700),
            ("H % 139", "Mod(sh, k)", 139, 5, 700),
            ("H - 100", "Sub(sh, k)", 100, 600, 700),
            ("H + 5", "Add(sh, k)", 5, 705, 700),
            ("H * 7", "Mul(sh, k)", 7, 4900, 700),
            ("H // 7", "Div(sh, k)", 7, 100, 700),
        )
    },
    "a crop by H >> 7": Trap(
        f'{H} u = Cast<to = 13>(sh) q0 = BitShift<direction = "RIGHT">(u, k) q = Cast<to = 7>(q0) c = Equal(q, v) '
        "st = Where(c, one, z) e0 = Sub(sh, one) e = Add(st, e0) y = Slice(x, st, e, two)",
        f"{ONE}, {TWO}, int64[1] z = {{0}}, uint64[1] k = {{7}}, int64[1] v = {{5}}",
        image=(1, 700, 256),
    ),
    "a pad to a square": Trap(
        f"{H} {W} m = Max(sh, sw) hw = Concat<axis = 0>(sh, sw) d = Sub(m, hw) p = Concat<axis = "
        "0>(zz, d) q = Pad(x, p, , a) y = Conv(q, k)",
        "int64[2] zz = {0, 0}, int64[2] a = {2, 3}, float[1,1,3,3] k = {1, 2, 3, 4, 5, 6, 7, 8, 9}",
        image=(1, 300, 700),
    ),
    "a branch by If": Trap(
        f"{H} b = Less(sh, limit) q = Squeeze(b) y = If(q) <then_branch = g1 () => "
        f"(float[?,?,?,?] a) {{ a = Relu(x) }}, "
        "else_branch = g2 () => (float[?,?,?,?] c) { c = Neg(x) }>",
        LIMIT,
    ),
    "an If that passes on": Trap(
        f"{H} b = Less(sh, limit) q = Squeeze(b) y = If(q) <then_branch = g1 () => "
        f"(float[?,?,?,?] a) {{ a = Identity(x) }}, "
        "else_branch = g2 () => (float[?,?,?,?] c) { c = Abs(x) }>",
        LIMIT,
    ),
    "a branch by both sizes": Trap(
        f"{H} {W} b = Less(sh, sw) q = Squeeze(b) y = If(q) <then_branch = g1 () => "
        f"(float[?,?,?,?] a) {{ a = Relu(x) }}, "
        "else_branch = g2 () => (float[?,?,?,?] c) { c = Neg(x) }>",
    ),
    "rounds of a loop": Trap(
        f"{H} r = Div(sh, k) q = Squeeze(r) y = Loop(q, , x) <body = g1 (int64 i, bool go, "
        "float[?,?,?,?] a) => (bool on, float[?,?,?,?] c) "
        "{ on = Identity(go) c = Add(a, a) }>",
        "int64[1] k = {100}",
    ),
    "a function that chooses": Trap(
        f"c = Conv(x, w) {SMALL} y = own.Pick(c, small) --- {FUNCTION} Pick (a, b) => (d) "
        "{ one = Constant<value = int64[1] {1}>() e = Add(b, one) d = Slice(a, b, e, one) }",
        f"{LIMIT}, {BANK}",
    ),
    "an axis of a reduction": Trap(
        f"c = Conv(x, w) t = Transpose<perm = [0, 2, 3, 1]>(c) u = Unsqueeze(t, four) {SMALL} a = "
        "Add(small, three) d = ReduceSum<keepdims = 1>(u, a) "
        "e = Squeeze(d, four) f = ReduceMax(e, three) y = Transpose<perm = [0, 3, 1, 2]>(f)",
        f"{LIMIT}, int64[1] four = {{4}}, int64[1] three = {{3}}, {BANK}",
    ),
}


def _resized(scale: float, opset: int = 18, **attributes: str) -> Trap:
    size = max(455, round(300 / scale))  # px that give more than one tile
    factor = Fraction(scale).limit_denominator(64)
    step, period = factor.numerator, factor.denominator
    given = ", ".join(f'{key} = "{value}"' for key, value in attributes.items())
    roi = ", " if opset < 11 else ", , "
    return Trap(
        f"c = Conv<pads = [1, 1, 1, 1]>(x, w) r = Resize<{given}>(c{roi}s) y = Conv(r, w)",
        f"float[4] s = {{1, 1, {scale!r}, {scale!r}}}, float[1,1,3,3] w = "
        f"{{1, -2, 3, 4, 5, -6, 7, 8, 9}}",
        image=(1, size // period * period, 300 // period * period),
        tile=-(-128 // step) * step,
        opset=opset,
    )


RESIZE = {
    **{
        f"nearest {mode} {how} by {scale:.3g}": _resized(
            scale, mode="nearest", coordinate_transformation_mode=mode, nearest_mode=how
        )
        for scale in (1.2, 0.6, 7 / 3, 1 / 7, 5 / 3, 1.4, 0.3, 3.0, 1.5)
        for mode in ("asymmetric", "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
        for how in ("floor", "round_prefer_ceil", "ceil", "round_prefer_floor")
    },
    **{
        f"nearest by {scale:.3g}, opset 10": _resized(scale, mode="nearest", opset=10)
        for scale in (0.5, 0.6, 1 / 3, 1.2, 3.0, 0.75, 2.0)
    },
    "half_pixel_symmetric by a third": Trap(
        'y = Resize<mode = "nearest", coordinate_transformation_mode = "half_pixel_symmetric", nearest_mode = "floor">(x, , s)',
        "float[4] s = {1, 1, 0.33333334, 0.33333334}",
        image=(1, 1200, 1200),
    ),
    "half_pixel_symmetric linear": _resized(
        1.2, mode="linear", coordinate_transformation_mode="half_pixel_symmetric"
    ),
    "down to one px": Trap(
        'y = Resize<mode = "linear", coordinate_transformation_mode = "pytorch_half_pixel">(x, , s)',
        "float[4] s = {1, 1, 0.01, 1}",
    ),
    "kept aspect ratio": Trap(
        f"{H} {W} a = Mul(sh, three) b = Mul(sw, two) t = Concat<axis = 0>(a, b) "
        'y = Resize<mode = "nearest", axes = [2, 3], keep_aspect_ratio_policy = "not_larger">(x, , , t)',
        f"int64[1] three = {{3}}, {TWO}",
    ),
    "kept aspect ratio, rounded": Trap(
        f"{H} {W} a = Mul(sh, three) b = Mul(sw, three) c = Div(a, two) d = Div(b, two) t = "
        "Concat<axis = 0>(c, d) "
        'y = Resize<mode = "nearest", axes = [2, 3], keep_aspect_ratio_policy = "not_smaller">(x, , , t)',
        f"int64[1] three = {{3}}, {TWO}",
        image=(1, 300, 346),
        tile=129,
    ),
    "a scale beside a third": _resized(
        0.333333, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    ),
}

BATCHES = {
    "divided by the batch": Trap(
        "s = Shape<start = 0, end = 1>(x) o = ConstantOfShape<value = float[1] {1}>(s) c = "
        "ReduceSum<keepdims = 0>(o) y = Div(x, c)",
        image=(1, 512, 512),
    ),
    "the first of the batch": Trap(
        "f = Slice(x, z, one, z) y = Add(x, f)", f"{ONE}, int64[1] z = {{0}}", image=(1, 512, 512)
    ),
    "a squeezed batch": Trap(
        "q = Squeeze(x) s = Shape(q) n = Size(s) f = Cast<to = 1>(n) y = Mul(x, f)",
        shape="n,1,h,w",
        image=(1, 512, 512),
    ),
    "a mean over the batch": Trap(
        "m = ReduceMean(x, z) y = Sub(x, m)", "int64[1] z = {0}", image=(1, 512, 512)
    ),
    "a running sum over the batch": Trap("y = CumSum(x, z)", "int64 z = {0}", image=(1, 512, 512)),
    "sorted within the batch": Trap(
        "s = Shape<start = 0, end = 1>(x) v, i = TopK<axis = 0>(x, s) y = Identity(v)",
        image=(1, 512, 512),
    ),
    "the batch as channels": Trap(
        "t = Transpose<perm = [1, 0, 2, 3]>(x) n = InstanceNormalization(t, g, b) y = "
        "Transpose<perm = [1, 0, 2, 3]>(n)",
        "float[1] g = {1}, float[1] b = {0}",
        image=(1, 512, 512),
    ),
}

ROUNDING = {
    "normed over channels": Trap(
        "c = Conv(x, w) y = MeanVarianceNormalization<axes = [1]>(c)",
        "float[9,1,1,1] w = {1, -2, 3, 4, -5, 6, 7, -8, 9}",
    ),
    **{
        f"{op} over {channels} channels": Trap(
            f"c = Conv(x, w) y = {op}(c, one)",
            f"{ONE}, float[{channels},1,3,3] w = "
            f"{{{', '.join(str(round(0.1 * ((7 * i) % 23 - 11) + 0.013, 3)) for i in range(9 * channels))}}}",
            image=(1, 520, 520),
        )
        for op in (
            "ReduceMean",
            "ReduceSum",
            "ReduceLogSumExp",
            "ReduceL2",
            "ReduceMax",
            "ReduceSumSquare",
            "ReduceL1",
            "ReduceProd",
        )
        for channels in (3, 8, 33)
    },
    **{
        op: Trap(f"y = {op}(x)", image=(1, 389, 401))
        for op in (
            *(
                "Softplus",
                "Elu",
                "Selu",
                "Celu",
                "Exp",
                "Sigmoid",
                "Tanh",
                "Erf",
                "Sin",
                "Cos",
                "Tan",
                "Atan",
                "Sinh",
                "Cosh",
                "Asinh",
            ),
            *(
                "Softsign",
                "HardSwish",
                "HardSigmoid",
                "LeakyRelu",
                "ThresholdedRelu",
                "Mish",
                "Round",
                "Reciprocal",
            ),
        )
    },
    **{
        f"{op} of what is positive": Trap(
            f"a = Abs(x) b = Add(a, c) y = {op}(b)", "float c = {0.01}", image=(1, 389, 401)
        )
        for op in ("Log", "Sqrt", "Acosh")
    },
    "a power": Trap("a = Abs(x) y = Pow(a, e)", "float e = {1.7}", image=(1, 389, 401)),
    "channel attention of CBAM": Trap(
        "c = Conv(x, w) m = ReduceMean(c, one) k = ReduceMax(c, one) d = Concat<axis = 1>(m, k) e "
        "= Conv(d, v) s = Sigmoid(e) y = Mul(c, s)",
        f"{ONE}, float[16,1,1,1] w = {{{', '.join(str(0.1 * i - 0.7) for i in range(16))}}}, "
        f"float[1,2,1,1] v = {{1, -1}}",
        image=(1, 520, 520),
    ),
    "a softmax over channels": Trap(
        "c = Conv(x, w) y = Softmax<axis = 1>(c)",
        f"float[16,1,1,1] w = {{{', '.join(str(0.1 * i - 0.7) for i in range(16))}}}",
        image=(1, 520, 520),
    ),
    "a layer norm over channels": Trap(
        "c = Conv(x, w) t = Transpose<perm = [0, 2, 3, 1]>(c) l = LayerNormalization(t, g) y = "
        "Transpose<perm = [0, 3, 1, 2]>(l)",
        f"float[16,1,1,1] w = {{{', '.join(str(0.1 * i - 0.7) for i in range(16))}}}, float[16] g "
        f"= {{{', '.join(['1'] * 16)}}}",
        image=(1, 520, 520),
    ),
    "a linear layer over channels": Trap(
        "c = Conv(x, w) t = Transpose<perm = [0, 2, 3, 1]>(c) l = MatMul(t, m) y = Transpose<perm "
        "= [0, 3, 1, 2]>(l)",
        f"float[7,1,1,1] w = {{{', '.join(str(0.1 * i - 0.35) for i in range(7))}}}, "
        "float[7,5] m = "
        f"{{{', '.join(str(round(0.1 * ((3 * i) % 17 - 8), 2)) for i in range(35))}}}",
        image=(1, 389, 401),
    ),
}

RANDOM = {
    "a random number": Trap("r = RandomNormal<shape = [1]>() y = Add(x, r)"),
    "a random number in a function": Trap(
        f"y = own.Noise(x) --- {FUNCTION} Noise (a) => (b) "
        f"{{ r = RandomNormal<shape = [1]>() b = Add(a, r) }}"
    ),
    "weights that are drawn": Trap(
        "k = Bernoulli(p) f = Mul(k, w) y = Conv(x, f)",
        "float[1,1,3,3] p = {0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5}, float[1,1,3,3] w = "
        "{1,2,3,4,5,6,7,8,9}",
    ),
    "weights that are dropped": Trap(
        "k, m = Dropout(w, r, t) y = Conv(x, k)",
        "float[1,1,3,3] w = {1,2,3,4,5,6,7,8,9}, float r = {0.5}, bool t = {1}",
    ),
    "classes that are drawn": Trap(
        "k = Multinomial<sample_size = 3, dtype = 7>(p) f = Cast<to = 1>(k) s = "
        "ReduceSum<keepdims = 0>(f) y = Mul(x, s)",
        "float[1,4] p = {1, 2, 3, 4}",
    ),
    "dropout in a branch": Trap(
        "y = If(c) <then_branch = g1 () => (float[?,?,?,?] a) "
        "{ r = Constant<value = float {0.5}>() t = Constant<value = bool {1}>() a, m = Dropout(x, r, t) }, "
        "else_branch = g2 () => (float[?,?,?,?] d) { d = Neg(x) }>",
        "bool c = {1}",
    ),
    "dynamic quantization in a function": Trap(
        f"y = own.Q(x) --- {FUNCTION} Q (a) => (b) "
        f"{{ q, s, z = DynamicQuantizeLinear(a) b = DequantizeLinear(q, s, z) }}"
    ),
}

_346 = ", ".join(str(round(0.01 * i, 2)) for i in range(346))
ALONG_THE_IMAGE = {
    "batch norm of every px": Trap(
        "y = BatchNormalization<spatial = 0>(x, g, b, b, g)",
        f"float[1,8,346] g = {{{', '.join(str(1 + (i % 7)) for i in range(8 * 346))}}}, "
        f"float[1,8,346] b = {{{', '.join(['0'] * (8 * 346))}}}",
        shape="n,1,8,346",
        opset=8,
        image=(1, 8, 346),
    ),
    "instance norm with rows for channels": Trap(
        "t = Transpose<perm = [0, 3, 1, 2]>(x) n = InstanceNormalization(t, g, b) y = "
        "Transpose<perm = [0, 2, 3, 1]>(n)",
        f"float[346] g = {{{_346}}}, float[346] b = {{{_346}}}",
        shape="n,1,h,346",
    ),
    "batch norm with columns for channels": Trap(
        "t = Transpose<perm = [0, 3, 1, 2]>(x) n = BatchNormalization(t, g, b, b, g2) y = "
        "Transpose<perm = [0, 2, 3, 1]>(n)",
        f"float[346] g = {{{_346}}}, float[346] b = {{{_346}}}, float[346] g2 = "
        f"{{{', '.join(['1'] * 346)}}}",
        shape="n,1,h,346",
    ),
    "batch norm scaled by the image": Trap(
        "m = ReduceMean<keepdims = 0>(x, a) s = Abs(m) y = BatchNormalization(x, s, b, b, v)",
        "int64[3] a = {0, 2, 3}, float[1] b = {0}, float[1] v = {1}",
    ),
    "batch norm scaled by one row": Trap(
        "r = Slice(x, z, one, two) m = ReduceMean<keepdims = 0>(r, a) s = Abs(m) y = "
        "BatchNormalization(x, s, b, b, v)",
        f"{ONE}, {TWO}, int64[1] z = {{0}}, int64[3] a = {{0, 2, 3}}, float[1] b = {{0}}, "
        f"float[1] v = {{1}}",
    ),
    "a bias from one px": Trap(
        "r = Slice(x, zz, oo, tt) b = Reshape(r, one) y = Conv(x, w, b)",
        f"{ONE}, int64[2] zz = {{0, 0}}, int64[2] oo = {{1, 1}}, int64[2] tt = {{2, 3}}, "
        f"float[1,1,3,3] w = {{1,2,3,4,5,6,7,8,9}}",
    ),
    "a bias from all px": Trap(
        "b = ReduceMean<keepdims = 0>(x, a) y = Conv(x, w, b)",
        "int64[3] a = {0, 2, 3}, float[1,1,3,3] w = {1,2,3,4,5,6,7,8,9}",
    ),
    "a sum of three operands": Trap(
        'm = ReduceMean(x, a) q = Squeeze(m, s) y = Einsum<equation = "nchw,w,nh->nchw">(x, v, q)',
        f"int64[2] a = {{1, 3}}, int64[2] s = {{1, 3}}, float[346] v = {{{_346}}}",
        shape="n,1,h,346",
    ),
    "a product of three operands": Trap(
        'y = Einsum<equation = "nchw,wv,v->nchw">(x, m, v)',
        f"float[346,2] m = {{{', '.join(str(i % 5) for i in range(692))}}}, float[2] v = {{1, 2}}",
        shape="n,1,h,346",
    ),
    "an If of constants": Trap(
        "m = ReduceMax<keepdims = 0>(x) b = Greater(m, z) k = If(b) <then_branch = g1 () => "
        f"(float[346] a) {{ a = Constant<value = float[346] {{{', '.join(['1'] * 346)}}}>() }}, "
        "else_branch = g2 () => (float[346] d) "
        f"{{ d = Constant<value = float[346] {{{_346}}}>() }}> y = Mul(x, k)",
        "float z = {100}",
        shape="n,1,h,346",
    ),
    "a state from the image": Trap(
        "t = Transpose<perm = [1, 2, 0, 3]>(x) q = Squeeze(t, z) c = Slice(q, zz, oo, oo2) y0, yh "
        "= RNN<hidden_size = 1>(c, w, r, , , i) y1 = Reshape(y0, sh) y = Add(x, y1)",
        "int64[1] z = {0}, int64[1] zz = {0}, int64[1] oo = {1}, int64[1] oo2 = {2}, float[1,1,1] "
        "w = {1}, float[1,1,1] r = {0.1}, float[1,1,1] i = {1}, int64[4] sh = {1, 1, -1, 1}",
        shape="1,1,h,w",
    ),
    "an integer product with a bias along the image": Trap(
        "u = QuantizeLinear(x, qs, qz) m = com.microsoft.MatMulIntegerToFloat(u, k, qs, qs, qz, "
        "qz, b) y = Identity(m)",
        f"float qs = {{0.1}}, uint8 qz = {{128}}, uint8[346,346] k = "
        f"{{{', '.join('138' if i % 347 == 0 else '128' for i in range(346 * 346))}}}, float[346] "
        f"b = {{{_346}}}",
        shape="n,1,h,346",
    ),
}

KERNEL = "float[1,1,3,3] w = {1, -2, 3, 4, 5, -6, 7, 8, 9}"
OFFSETS = {
    **{
        f"transposed to a given size, {auto}": Trap(
            f'y = ConvTranspose<strides = [2, 2], output_shape = [601, 693], auto_pad = "{auto}">(x, w)',
            KERNEL,
            shape="n,1,300,346",
        )
        for auto in ("NOTSET", "SAME_UPPER", "SAME_LOWER")
    },
    **{
        f"transposed {auto} {kernel} by {stride}": Trap(
            f'y = ConvTranspose<strides = [{stride}, {stride}], auto_pad = "{auto}">(x, w)',
            f"float[1,1,{kernel},{kernel}] w = "
            f"{{{', '.join(str(i + 1) for i in range(kernel * kernel))}}}",
            tile=-(-128 // stride) * stride,
        )
        for auto in ("SAME_UPPER", "SAME_LOWER")
        for kernel, stride in ((1, 2), (2, 2), (2, 3), (3, 2), (4, 2), (3, 3))
    },
    **{
        f"pooled {auto} {kernel} by {stride}": Trap(
            f'y = MaxPool<kernel_shape = [{kernel}, {kernel}], strides = [{stride}, {stride}], auto_pad = "{auto}">(x)',
            image=(1, *size),
        )
        for auto in ("SAME_UPPER", "SAME_LOWER")
        for kernel, stride, size in (
            (1, 2, (301, 347)),
            (2, 3, (451, 451)),
            (3, 2, (302, 348)),
            (1, 3, (451, 451)),
        )
    },
    **{
        f"dilated {auto}": Trap(f'y = Conv<dilations = [2, 3], auto_pad = "{auto}">(x, w)', KERNEL)
        for auto in ("SAME_UPPER", "SAME_LOWER")
    },
    **{
        f"cropped and padded by {mode}": Trap(
            f'y = Pad<mode = "{mode}">(x, p)', "int64[8] p = {0, 0, -3, 2, 0, 0, 4, -1}", opset=19
        )
        for mode in ("constant", "reflect", "edge", "wrap")
    },
    "pooled with ceil and pads": Trap(
        "y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = "
        "1>(x)",
        image=(1, 302, 348),
    ),
    "averaged with ceil and pads": Trap(
        "y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode "
        "= 1, count_include_pad = 1>(x)",
        opset=19,
        image=(1, 302, 348),
    ),
}

KINDS = {
    "notes": NOTES_ARE_KEPT,
    "sizes enter": SIZES_ENTER,
    "sizes steer": SIZES_STEER,
    "resize": RESIZE,
    "batches": BATCHES,
    "rounding": ROUNDING,
    "random": RANDOM,
    "along the image": ALONG_THE_IMAGE,
    "offsets": OFFSETS,
}
TRAPS: dict[str, Trap] = dict(chain.from_iterable(traps.items() for traps in KINDS.values()))
