"""Random relations."""

from __future__ import annotations

from hypothesis import strategies as st

from shiftlint.calculus import relation as r

SMALL = st.integers(1, 4)
LOCAL = st.one_of(
    st.builds(
        lambda k, s, d, p: r.window(k, stride=s, dilation=d, before=p),
        SMALL,
        SMALL,
        SMALL,
        st.integers(-3, 5),
    ),
    st.builds(
        lambda k, s, d, p: r.transposed_window(k, stride=s, dilation=d, before=p),
        SMALL,
        SMALL,
        SMALL,
        st.integers(-3, 5),
    ),
    st.builds(r.shift, st.integers(-5, 5)),
    st.builds(r.strided, SMALL, st.integers(0, 5)),
    st.builds(r.blocks, SMALL),
    st.builds(r.repeat, SMALL),
)
