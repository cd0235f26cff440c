"""What `zfs get all` says of a filesystem."""

from __future__ import annotations

import pytest

from flocker_lite.zfs.output import UnexpectedOutput
from flocker_lite.zfs.properties import CopyProperties, parsed

PRINTED = """\
type\tfilesystem\t-
quota\t99\tlocal
recordsize\t8192\tlocal
mountpoint\t/flocker/x\tlocal
compression\tgzip\tinherited from pool
atime\toff\ttemporary
copies\t1\tdefault
snapdir\tvisible\treceived
flocker:lease\tprimary:1\tlocal
"""


def test_parsed() -> None:
    """What was set on it, and what is inherited; of what an option of the mount hides, nothing."""
    here = {"recordsize": "8192", "compression": None, "copies": None, "snapdir": None}
    assert parsed(PRINTED) == CopyProperties(here, {}, {"quota": "99"})


def test_what_is_of_users_alone() -> None:
    """A value may have tabs and lines in it that look like others, and hides none after it."""
    own = "com.example:a\tx\ty\natime\toff\tlocal\n\tlocal\ncom.example:b\tz\tlocal\n"
    inherited = "com.example:c\tz\tinherited from pool\n"
    found = parsed(f"{PRINTED}{own}{inherited}flocker:properties\tatime=on\tlocal\n")
    note = "x\ty\natime\toff\tlocal\n"
    assert found.others == {"quota": "99", "com.example:a": note, "com.example:b": "z"}
    assert (found.here, found.noted) == (parsed(PRINTED).here, {"atime": "on"})


def test_what_is_noted() -> None:
    """What could not be set counts until something is; nonsense in the note does not."""
    note = "compression=lz4,xattr=sa,recordsize=4096,mountpoint=/etc,exec=on,,atime"
    own = parsed(f"{PRINTED}flocker:properties\t{note}\tlocal\n")
    assert own.noted == {"compression": "lz4", "xattr": "sa", "recordsize": "4096"}
    assert own.desired() == {
        "compression": "lz4",
        "xattr": "sa",
        "recordsize": "8192",
        "copies": None,
        "snapdir": None,
    }
    inherited = f"{PRINTED}flocker:properties\t{note}\tinherited from pool\n"
    assert parsed(inherited).noted == {}


def test_what_is_not_understood() -> None:
    """A line of another form is no list of properties."""
    with pytest.raises(UnexpectedOutput):
        parsed("compression gzip local")
