"""What the progress of a move tells about the next one."""

from __future__ import annotations

import pytest

from flocker_lite.model.move_progress import MoveProgress, Round, Step, stop_seconds, write_rate

PUSHED = (Round(10_000, 1.0), Round(400, 0.1, 2.0), Round(200, 0.1, 1.0))


def progress(last_bytes: int, *pushed: Round) -> MoveProgress:
    """Of a source, whose container took two seconds to stop."""
    steps = (Step("stop", 1.5), Step("unmount", 0.5), Step("snapshot", 7.0))
    return MoveProgress("d", 2, "done", "a", "b", (*pushed, Round(last_bytes, 0.1)), steps)


def test_write_rate() -> None:
    """Of the bytes of incremental rounds; a full one tells nothing."""
    assert write_rate(PUSHED) == 200.0
    assert write_rate(PUSHED[:1]) is None


def test_what_a_stop_wrote() -> None:
    """What the last round took beyond what is written all the time, and never less than nothing."""
    assert stop_seconds(progress(1600, *PUSHED)) == pytest.approx(0.1 * 1200 / 1600)
    assert stop_seconds(progress(300, *PUSHED)) == 0
    assert stop_seconds(progress(0, *PUSHED)) == 0


def test_what_a_stop_wrote_is_not_made_up() -> None:
    """Where no round tells how much is written all the time, nothing is said of the stop."""
    assert stop_seconds(progress(100_000, *PUSHED[:1])) == 0
    assert stop_seconds(MoveProgress("d", 2, "done", "a", "b")) == 0
