"""How a wait is shown: some lines that are redrawn on a terminal, else a line per change."""

from __future__ import annotations

from typing import Any

import pytest

from flocker_lite.cli import progress
from flocker_lite.cli.session import Session

MOVE: dict[str, Any] = {
    "phase": "pushing",
    "sent_bytes": 512 * 1024,
    "expected_bytes": 1024**2,
    "rounds": [{"bytes": 1, "bytes_per_second": 2**20, "dirty_bytes_per_second": 2048}],
    "eta_seconds": 12.0,
    "predicted_pause_seconds": 0.25,
}
PULL = {"layers": 7, "layers_done": 2, "bytes": 1024, "total_bytes": 4096}


def test_everything_in_one_line() -> None:
    """Phase, round, bytes, rate, time left, what the container writes, and its pause."""
    assert progress.line_of(MOVE, "db") == (
        "db: pushing, round 2, 512.0 KiB of 1.0 MiB, 1.0 MiB/s, 12.0 s left, "
        "written at 2.0 KiB/s, pause of 250 ms predicted"
    )


def test_on_a_terminal() -> None:
    """The same in lines that fit 80 columns, with a bar."""
    lines = progress.lines_of({**MOVE, "error": "n2 is away"}, "db")
    assert lines == [
        "[##########..........] db: pushing, round 2",
        "  512.0 KiB of 1.0 MiB, 1.0 MiB/s, 12.0 s left",
        "  written at 2.0 KiB/s, pause of 250 ms predicted",
        "  n2 is away",
    ]
    assert max(map(len, lines)) < 80


def test_little_is_known() -> None:
    """Then little is shown."""
    assert progress.lines_of({"phase": "preparing"}) == ["preparing"]


def test_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each phase and round, however often there is news; no control characters."""
    shown = progress.progress_of(Session({}))
    for sent in range(100):
        shown.show({**MOVE, "sent_bytes": sent})
    shown.show({**MOVE, "phase": "switching", "error": "an \x1b[31mevil\x1b[0m word"})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "\x1b" not in lines[1]


def test_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is shown that is not the answer."""
    for session in (Session({}, output="json"), Session({}, quiet=True)):
        shown = progress.progress_of(session)
        shown.show(MOVE)
        shown.tell(["pulling"], 1)
        shown.close()
    assert capsys.readouterr().out == ""


def test_an_image_is_pulled(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each layer that is done; an error is shown while it lasts."""
    shown = progress.progress_of(Session({}))
    for done in (2, 2, 3):
        progress.show_start(shown, [{"image_pull": {**PULL, "layers_done": done}}], "web")
    progress.show_start(shown, [{"error": "no such image"}], "web")
    progress.show_start(shown, [{"running": True}], "web")
    assert capsys.readouterr().out.splitlines() == [
        "web: pulling its image: 2 of 7 layers, 1.0 KiB of 4.0 KiB",
        "web: pulling its image: 3 of 7 layers, 1.0 KiB of 4.0 KiB",
        "web: not yet: no such image",
    ]
