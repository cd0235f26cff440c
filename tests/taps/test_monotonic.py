"""A reactor that is made steady, in a process whose clock jumps."""

from __future__ import annotations

import subprocess
import sys

import pytest

DAY_SECONDS = 86400
TIMEOUT_SECONDS = 30
SCRIPT = """
import sys, time
read, jump_seconds = time.time, 0.0
time.time = lambda: read() + jump_seconds

from twisted.internet import reactor
from flocker_lite.taps.startup import make_monotonic

def jump():
    global jump_seconds
    jump_seconds = float(sys.argv[1])

def said(text):
    print(text, flush=True)

make_monotonic(reactor)
assert abs(reactor.seconds() - time.time()) < 60
reactor.callLater(0.1, jump)
reactor.callLater(0.3, said, "soon")
reactor.callLater(0.5, reactor.stop)
reactor.callLater(3600, said, "in an hour")
reactor.run()
assert abs(time.time() - reactor.seconds()) > 3600
"""


@pytest.mark.parametrize("jump_seconds", [-DAY_SECONDS, DAY_SECONDS])
def test_a_clock_that_is_set(jump_seconds: int) -> None:
    """What is due comes when it is due, and nothing comes before."""
    command = [sys.executable, "-c", SCRIPT, str(jump_seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert (done.stdout, done.stderr) == ("soon\n", "")
