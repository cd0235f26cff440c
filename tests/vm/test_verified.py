"""Whether the tests on OpenZFS have to run: what counts as a change of what they exercise."""

from __future__ import annotations

from pathlib import Path

import pytest

from admin.vm.verified import main

TEST = "tests/openzfs/test_one.py"
USED = "flocker_lite/zfs/storage.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which they have passed; the test uses the storage by way of the model."""
    for name, text in {
        TEST: "from flocker_lite.model import copies\n",
        "flocker_lite/__init__.py": "",
        "flocker_lite/model/copies.py": "import flocker_lite.zfs.storage\n",
        USED: 'def snapshot():\n    """Take one."""\n    return 1\n',
        "flocker_lite/zfs/other.py": "",
        "admin/vm/guest.sh": "exec sh\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert main([], tmp_path) == 1
    assert main(["--write"], tmp_path) == 0
    assert main([], tmp_path) == 0
    return tmp_path


def test_prose_changes(checkout: Path) -> None:
    """Comments and docstrings do not count, nor does a module that no test uses."""
    (checkout / USED).write_text('def snapshot():\n    """Another."""\n    # Why.\n    return 1\n')
    (checkout / "flocker_lite/zfs/other.py").write_text("print(2)\n")
    assert main([], checkout) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (TEST, "from flocker_lite.model import copies, copies as more\n"),
        (USED, "def snapshot():\n    return 2\n"),
        ("flocker_lite/__init__.py", "import os\n"),
        ("flocker_lite/model/__init__.py", ""),
        ("admin/vm/guest.sh", "exec bash\n"),
    ],
)
def test_code_changes(checkout: Path, name: str, text: str) -> None:
    """The test, whatever it imports by whichever way, and the machine itself count."""
    (checkout / name).write_text(text)
    assert main([], checkout) == 1
