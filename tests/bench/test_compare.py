"""What grew since an older run is seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.bench import compare
from admin.bench.compare import NOTABLE_GROWTH, Growth

PUSH = {"ratio_of_medians": 1.0}
PAUSE = {
    "floor_seconds": [1.0, 2.0, 3.0],
    "flocker_lite_seconds": [0.5, 1.0, 1.5],
    "ratio_of_medians": 0.5,
    "postgres": {"seconds": [1.0, 2.0, 6.0]},
}
RATIOS = st.floats(0.01, 100)


def move(pause: float, predicted: float) -> dict[str, Any]:
    """What a move's figures say of its pause."""
    return {"pause_seconds": pause, "predicted_pause_seconds": predicted}


def test_figures() -> None:
    """Ratios within a run; each is better when it is smaller."""
    results = {"pause": PAUSE, "push": {"ratio_of_medians": 0.8}}
    assert compare.figures(results) == {
        "pause: redis p50 / floor": 0.5,
        "pause: redis p95 / floor": 0.75,
        "pause: PostgreSQL p50 / floor": 1.0,
        "pause: PostgreSQL p99 / p50": 3.0,
        "push: pipe / flocker_lite": 1.25,
    }


def test_predictions() -> None:
    """By which part of the pause they were wrong."""
    results = {"predict": {"moves": [move(1.0, 1.1), move(2.0, 1.0), move(1.0, 1.0)]}}
    found = compare.figures(results)
    assert found["predict: error p50"] == pytest.approx(0.1)
    assert found["predict: error p95"] == pytest.approx(0.5)


def test_other_kinds() -> None:
    """Kinds of which nobody knows a ratio are left out."""
    found = compare.figures(
        {
            "dashboard": {"rows_in_the_page": 24},
            "cli": {"python": [0.02, 0.01], "nodes": [0.3, 0.2]},
            "fleet": [{"agents": 10, "steady": {"cpu_percent": 0.5}}],
        }
    )
    assert found == {"fleet: 10 agents, CPU at rest, %": 0.5, "cli: nodes CPU / python": 20.0}


@given(RATIOS, RATIOS)
def test_growth(old: float, new: float) -> None:
    """The new figure as a multiple of the old one; it is marked once it is too much."""
    [grown] = compare.growths(
        {"push": {"ratio_of_medians": old}}, {"push": {"ratio_of_medians": new}}
    )
    assert grown.times == pytest.approx(old / new)
    assert grown.is_notable is ((grown.times or 0) > NOTABLE_GROWTH)


def test_only_in_one() -> None:
    """A kind that one run lacks has no growth, and is shown."""
    found = compare.growths({"push": PUSH}, {"pause": PAUSE})
    assert Growth("push: pipe / flocker_lite", 1.0, None) in found
    assert not any(each.is_notable for each in found)
    assert "push: pipe / flocker_lite" in compare.table(found)


def test_table() -> None:
    """What is slower now is marked, and nothing else."""
    faster = {"ratio_of_medians": 2.0}
    assert compare.table(compare.growths({"push": faster}, {"push": PUSH})).count("slower") == 1
    assert "slower" not in compare.table(compare.growths({"push": PUSH}, {"push": faster}))
    assert compare.table([Growth("x", 0.0, 1.0)]).splitlines()[1].endswith("-")
