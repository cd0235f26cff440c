"""Python imports this at its start where PYTHONPATH has the folder: a file sets the time of day.

The file FAKED_CLOCK has the seconds that the clock is wrong by. Only `time.time` is replaced, with
which our services read the time of day. libfaketime would do it for every program; but it makes
the threads of a process, and all that it starts, wait for each other at each look at any clock. On
a busy machine a move took minutes then.
"""

import os
import time

_now = time.time


def _faked() -> float:
    with open(os.environ["FAKED_CLOCK"]) as file:
        return _now() + float(file.read())


time.time = _faked
