"""The labs of functional tests run side by side, so each file has subnets of its own."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

FUNCTIONAL = Path(__file__).resolve().parents[1] / "functional"
SUBNET = re.compile(r'"(10\.\d+\.\d+\.0/24)"')


def test_no_two_files_share_a_subnet() -> None:
    """Two labs with the same addresses cannot both be up."""
    files = defaultdict(set)
    for path in FUNCTIONAL.glob("test_*.py"):
        for subnet in SUBNET.findall(path.read_text("utf-8")):
            files[subnet].add(path.name)
    assert len(files) > 1
    assert {subnet: names for subnet, names in files.items() if len(names) > 1} == {}
