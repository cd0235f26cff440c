"""What nobody of ours would send, made up for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["dataset_id", "lease", "container", "name", "running", "epoch", "error"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """The data with a few bytes flipped, left out, doubled or put in; or cut short."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(changed)))
        end = min(len(changed), start + draw(st.integers(0, 8)))
        some = draw(st.binary(max_size=4) | st.just(bytes(changed[start:end]) * 2))
        if draw(st.integers(0, 9)) == 0:
            end = len(changed)
        changed[start:end] = some
    return bytes(changed)
