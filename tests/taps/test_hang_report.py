"""The stacks of a daemon that hangs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.internet.task import Clock

from flocker_lite.taps.hang_report import HANG_SECONDS, LOOK_SECONDS, HangReport


def test_put_off_while_it_runs() -> None:
    """A reactor that runs puts the report off, and none is left when it has stopped."""
    clock, asked = Clock(), list[float]()
    watched = HangReport(clock, asked.append, lambda: asked.append(0))
    watched.start()
    clock.advance(LOOK_SECONDS)
    assert asked == [HANG_SECONDS, HANG_SECONDS]
    watched.stop()
    watched.stop()
    assert asked[2:] == [0, 0]
    assert not clock.getDelayedCalls()


def test_says_where_it_stands(tmp_path: Path) -> None:
    """What stands still is named in the log of a daemon in the background, with its function."""
    program = """
import sys, time
from twisted.internet import reactor
from twisted.python.usage import Options
from flocker_lite.taps.hang_report import HangReport, report_with
options = Options()
options.parent = {"logfile": sys.argv[1]}
report_later = report_with(options)
HangReport(reactor, lambda seconds: report_later(seconds / 300)).start()
def stands_still():
    time.sleep(0.5)
stands_still()
"""
    log = tmp_path / "log"
    subprocess.run([sys.executable, "-c", program, str(log)], timeout=60, check=True)
    assert "in stands_still" in log.read_text()
