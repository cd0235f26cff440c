"""The limit of open files is raised as far as is allowed, and never lowered."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys
from flocker_lite.taps.startup import raise_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
limit = raise_open_files(300)
print(json.dumps([limit, resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "after"), [(100, 1000, 300), (100, 200, 200), (400, 1000, 400)]
)
def test_limit(soft: int, hard: int, after: int) -> None:
    """In a process of its own: what is given up cannot be taken back."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(soft), str(hard)], capture_output=True, check=True
    )
    assert json.loads(done.stdout) == [after, [after, hard]]
