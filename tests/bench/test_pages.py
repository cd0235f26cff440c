"""The tables of docs/performance.rst are made of the JSON of a run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from admin.bench import pages

PUSH = {
    "pipe_mib_per_second": [100.0, 120.0],
    "flocker_lite_mib_per_second": [110.0, 120.0],
    "ratio_of_medians": 1.05,
    "ratio_of_bests": 1.0,
}
PAGE = pages.FOLDER.parent / "performance.rst"


def test_written(tmp_path: Path) -> None:
    """One file for each kind of the run, without spaces at the ends of lines."""
    assert pages.write({"push": PUSH}, tmp_path / "figures") == ["push.txt"]
    text = (tmp_path / "figures/push.txt").read_text()
    assert "1.05" in text
    assert not re.search(r" $", text, re.MULTILINE)


def test_another_file() -> None:
    """The JSON of a single kind is not that of `all`."""
    with pytest.raises(ValueError, match="pipe_mib_per_second"):
        pages.tables(PUSH)


def test_the_page() -> None:
    """It includes what can be made anew, and each file that it includes is there."""
    included = re.findall(r"literalinclude:: figures/(\S+)", PAGE.read_text("utf-8"))
    assert included
    assert set(included) == {path.name for path in pages.FOLDER.iterdir()}
    assert {name.removesuffix(".txt") for name in included} <= pages.TABLES.keys()
