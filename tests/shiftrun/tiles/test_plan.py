"""Laws of plans: every px is written once, by a tile that includes its whole window; refusals."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiftlint.contract.values import AxisContract, Explanation, Inexact, OutputSize, Padding, Sizes
from shiftlint.errors import InputError
from shiftrun.tiles.axis_plan import AxisPlan, exact_axis, naive_axis
from shiftrun.tiles.plan import automatic_tile, make_plan, whole_plan
from tests.shiftrun.networks import axes, valid_axis


@st.composite
def contracts(draw: st.DrawFn) -> AxisContract:
    """Any relation: scale 1/4 to 4, windows that reach out by any amount, valid or padded with a
    border of its own.
    """
    period, step = draw(
        st.sampled_from([(1, 1), (2, 2), (8, 8), (12, 12), (4, 1), (8, 2), (1, 4), (3, 6)])
    )
    scale = Fraction(step, period)
    if draw(st.booleans()):  # valid: output 0 reads from px 0 on
        reach = draw(st.integers(0, 40))
        lows = draw(st.lists(st.integers(0, 4), min_size=step, max_size=step))
        reads = tuple((low, phase * period // step + low + reach) for phase, low in enumerate(lows))
        needed = max(high - phase * period // step for phase, (_, high) in enumerate(reads)) + 1
        offset = scale * (-(-needed // period) * period)
        sizes = Sizes(int(offset / scale) + period, None, period, (0,))
        return AxisContract(
            "y",
            2,
            2,
            period,
            step,
            reads,
            (0, 0),
            (),
            False,
            True,
            sizes,
            OutputSize(scale, offset),
            draw(st.integers(0, needed // 2)),
        )
    spread = st.integers(-30, 30)
    reads = tuple(tuple(sorted((draw(spread), draw(spread)))) for _ in range(step))  # type: ignore[misc]
    border = (draw(st.integers(0, 30)), draw(st.integers(0, 30)))
    sizes = Sizes(period, None, period, (0,))
    return AxisContract(
        "y",
        2,
        2,
        period,
        step,
        reads,
        border,
        (Padding("p", "Conv", "zeros"),),
        False,
        True,
        sizes,
        OutputSize(scale, Fraction(0)),
        0,
    )


def check_tiling(axis: AxisContract, plan: AxisPlan, pad: str) -> None:
    assert axis.step
    assert axis.period
    assert axis.reads
    assert axis.sizes
    assert axis.output_size
    padded_px = plan.before_px + plan.image_px + plan.after_px
    written = np.zeros(plan.output_px, dtype=int)
    shifts = set()
    for tile in plan.tiles:
        (start, stop), (first, last) = tile.read, tile.keep
        written[slice(*tile.write)] += 1
        assert last - first == tile.write[1] - tile.write[0]
        assert 0 <= start < stop <= padded_px
        assert start % axis.period == 0
        assert axis.sizes.legal(stop - start)
        assert stop - start == plan.read_px
        output_start = axis.output_size.scale * start
        shifts.add(output_start + first - tile.write[0])
        size = axis.output_size.of(plan.read_px)
        for element in range(first, last):
            block, phase = divmod(element, axis.step)
            low, high = (block * axis.period + bound for bound in axis.reads[phase] or (0, 0))
            assert start == 0 or (low >= 0 and element >= axis.border[0])
            assert stop == padded_px or (high < plan.read_px and element < size - axis.border[1])
            if pad == "none" and not axis.padding:
                assert start + high < plan.image_px
    np.testing.assert_array_equal(written, 1)
    assert len(shifts) == 1, "all tiles must write one and the same output of the padded image"
    assert (padded_px - plan.read_px) % axis.period == 0


@settings(max_examples=300, deadline=None)
@given(contracts(), st.integers(1, 300), st.integers(1, 8), st.sampled_from(["reflect", "none"]))
def test_every_tile_sees_what_it_writes(
    axis: AxisContract, image_px: int, steps: int, pad: str
) -> None:
    assert axis.step
    try:
        plan = exact_axis(axis, image_px, steps * axis.step, pad)
    except InputError as error:
        assert "--pad none" in str(error)  # noqa: PT017
        return
    check_tiling(axis, plan, pad)


@settings(max_examples=100, deadline=None)
@given(contracts(), st.integers(1, 300), st.integers(1, 40))
def test_the_naive_plan_writes_everything_once(
    axis: AxisContract, image_px: int, tile_px: int
) -> None:
    plan = naive_axis(axis, image_px, tile_px, "reflect")
    assert [tile.write[0] for tile in plan.tiles] == list(range(0, plan.output_px, tile_px))
    assert all(
        tile.read[1] <= plan.before_px + plan.image_px + plan.after_px for tile in plan.tiles
    )


@settings(max_examples=100, deadline=None)
@given(contracts(), st.integers(1, 300), st.integers(1, 8))
def test_tile_size_does_not_change_the_padding(
    axis: AxisContract, image_px: int, steps: int
) -> None:
    """Also: a result covers the image, scale x size."""
    assert axis.step
    assert axis.output_size
    small, whole = (
        exact_axis(axis, image_px, steps * axis.step, "reflect"),
        exact_axis(axis, image_px, 1 << 20, "reflect"),
    )
    assert (small.before_px, small.after_px, small.output_px) == (
        whole.before_px,
        whole.after_px,
        whole.output_px,
    )
    assert whole.output_px >= axis.output_size.scale * image_px


def test_the_numbers_of_a_u_net() -> None:
    """Depth 4: offset 184, origin 92: 96 px before the image, the first 4 outputs are surplus."""
    axis = replace(valid_axis("y", 4, 2), name="y")
    assert axis.output_size == OutputSize(Fraction(1), Fraction(184))
    assert axis.reads
    assert axis.reads[:5] == ((0, 187), (0, 187), (0, 187), (0, 187), (0, 203))
    plan = exact_axis(axis, 500, 144, "reflect")
    assert (plan.before_px, plan.read_px, len(plan.tiles)) == (96, 332, 4)
    assert plan.tiles[1].keep == (4, 148)
    assert plan.tiles[1].read == (144, 476)


NO_PERIOD = {"period": None, "step": None, "reads": None}
MEAN = Explanation("SL401", "global", 2, "mean", "ReduceMean", "an axis is reduced as a whole")
GATHER = Explanation("SL003", "unknown", 2, "pick", "Gather", "elements are picked by an index")
ELSEWHERE = GATHER._replace(axis=3)
EVERYWHERE = GATHER._replace(axis=-1)

REFUSED = [
    pytest.param(
        {}, 148, (), r"^SL301 .*148 \(axis y\).*step 16, got 148.*to 144\.", id="not a multiple"
    ),
    pytest.param({}, 9, (), "^SL301 .*Use tiles of 16 or more", id="less than a step"),
    pytest.param(NO_PERIOD, 144, (), "^SL102", id="no period"),
    pytest.param(
        {"is_global": True, "reads": None}, 144, (GATHER, MEAN), "^SL401 .*mean", id="global"
    ),
    pytest.param(NO_PERIOD, 144, (GATHER,), r"^SL003 .*pick \(Gather\)", id="unknown"),
    pytest.param(
        NO_PERIOD, 144, (EVERYWHERE,), r"^SL003 .*pick \(Gather\)", id="unknown along all axes"
    ),
    pytest.param(NO_PERIOD, 144, (ELSEWHERE,), "^SL102(?!.*pick)", id="unknown along another axis"),
    pytest.param(
        NO_PERIOD,
        144,
        tuple(GATHER._replace(node=f"pick{i}") for i in range(9)),
        r"pick2 .*\(and 6 more\)",
        id="many",
    ),
    pytest.param({"padding": (Padding("p", "Pad", "wrap"),)}, 144, (), "^SL202", id="wrap"),
    pytest.param(
        {"sizes": Sizes(188, 300, 16, (12,))},
        144,
        (),
        "^SL302 .*--tile 112 or less",
        id="larger than the network takes",
    ),
]


@pytest.mark.parametrize(("change", "tile", "reasons", "message"), REFUSED)
def test_refusals(
    change: dict[str, object], tile: int, reasons: tuple[Explanation, ...], message: str
) -> None:
    axis = replace(valid_axis("y", 4, 2), **change)  # type: ignore[arg-type]
    assert axis.input_axis == 2
    with pytest.raises(InputError, match=message):
        make_plan((600,), (axis,), tile=(tile,), reasons=reasons)


def test_force_plans_naively_and_says_so() -> None:
    plan = make_plan((600, 600), axes("valid", 2, 4), tile=(148, 144), force=True)
    assert not plan.exact
    assert not plan.bitwise
    assert len(plan.findings) == 1
    assert plan.findings[0].startswith("SL301")
    assert make_plan((600,), axes("valid", 1, 4), tile=(144,), force=True).exact


def test_small_tiles_are_promised_up_to_rounding_only() -> None:
    grid = axes("valid", 2, 4)
    assert make_plan((600, 100), grid, tile=(128, 128)).bitwise  # the second axis is not cut
    small = make_plan((600, 600), grid, tile=(128, 112))
    assert small.exact
    assert not small.bitwise
    assert "below 128 px" in small.rounding[0]


def test_an_image_smaller_than_a_tile_is_one_tile() -> None:
    plan = make_plan((50, 33), axes("valid", 2, 4), tile=(512, 512))
    assert (plan.tile_count, plan.output_shape, plan.tile_shape) == (1, (50, 33), (64, 48))
    assert make_plan((50, 33), axes("valid", 2, 4), tile=(512, 148)).tile_count == 1


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [("valid", 187, "at least 188 px"), ("padded", 250, "expected 256 px")],
)
def test_no_padding_where_it_is_needed(kind: str, size: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_plan((size,), axes(kind, 1, 4), tile=(144,), pad="none")


def test_a_global_network_runs_as_one_tile() -> None:
    axis = replace(valid_axis("y", 2, 2), is_global=True, reads=None)
    assert whole_plan((300,), (axis,)).tile_count == 1


def test_automatic_tiles() -> None:
    grid = axes("valid", 2, 4)
    assert automatic_tile((3000, 300), grid) == (512, 300)
    static = replace(grid[0], sizes=Sizes(700, 700, 16, (12,)))
    assert automatic_tile((3000,), (static,)) == (512,)
    with pytest.raises(InputError, match="no tile of 128 px or more"):
        automatic_tile((3000,), (replace(grid[0], sizes=Sizes(220, 220, 16, (12,))),))


def test_the_reason_for_rounding_is_the_cause() -> None:
    """Interpolation drifts with the size of the image, a function that is rounded by its place does
    not.
    """
    plain = axes("valid", 1, 4)[0]
    drifts = replace(plain, bitwise=False, rounding=Inexact(drift=3e-7))
    small, large = (make_plan((size,), (drifts,), tile=(144,)) for size in (600, 60_000))
    assert (len(small.rounding), len(large.rounding)) == (1, 1)
    assert "interpolates" in small.rounding[0]
    assert "0.0002 standard deviations" in small.rounding[0]
    assert "0.02 standard deviations" in large.rounding[0]
    np.testing.assert_allclose(large.drift, 3e-7 * large.padded_shape[0])
    placed = make_plan(
        (600,), (replace(plain, bitwise=False, rounding=Inexact(place=True)),), tile=(144,)
    )
    assert ("at the end of a row" in placed.rounding[0], len(placed.rounding), placed.drift) == (
        True,
        1,
        0,
    )
    both = make_plan(
        (600, 600), (drifts, replace(drifts, rounding=Inexact(True, 3e-7))), tile=(144, 144)
    )
    assert len(both.rounding) == 2
    np.testing.assert_allclose(both.drift, 2 * small.drift)
    whole = make_plan((100,), (drifts,), tile=(144,))
    assert (whole.tile_count, whole.bitwise, whole.drift) == (1, True, 0)
