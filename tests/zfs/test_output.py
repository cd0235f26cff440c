"""What both kinds of ZFS print becomes records, or an error."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import PMap

from flocker_lite.errors import Conflict
from flocker_lite.model.filesystem import FoundFilesystem
from flocker_lite.model.lease import create
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.zfs import output
from flocker_lite.zfs.asides import require_alone
from flocker_lite.zfs.output import UnexpectedOutput
from tests.zfs.recorded import ESTIMATES, FACTS, ID, NAME, OTHER_ID, RECEIVED_FACTS, ROOT

LINES = (FACTS + RECEIVED_FACTS).splitlines()


def parse(text: str) -> PMap[DatasetId, LocalDataset]:
    """The copies that the text tells of."""
    return output.datasets(text, ROOT, "/flocker/{}".format)


def test_primary() -> None:
    """A mounted copy with its limit, and its snapshots oldest first whatever the order."""
    first, second = Snapshot("a", "14114374448230372258"), Snapshot("b", "7258280655409790652")
    path = f"/flocker/{ID}"
    expected = LocalDataset(ID, create(), True, path, 1000000, (first, second))
    assert dict(parse(FACTS)) == {ID: expected}


def test_received() -> None:
    """A copy that was received has neither lease nor limit."""
    snapshot = Snapshot("a", "18222174169171491256")
    expected = LocalDataset(ID, None, False, f"/flocker/{ID}", None, (snapshot,))
    assert dict(parse(RECEIVED_FACTS)) == {ID: expected}


@pytest.mark.parametrize("source", ["received", f"inherited from {ROOT}", "-", "default"])
def test_lease_from_elsewhere(source: str) -> None:
    """A lease that was not written on the copy itself is none."""
    text = FACTS.replace("primary:1\tlocal", f"primary:1\t{source}")
    assert parse(text)[ID].lease is None


@pytest.mark.parametrize("text", ["", "primary", "primary:x", "king:1", "primary:1:", "primary:01"])
def test_nonsense_lease(text: str) -> None:
    """It is a trouble of that dataset alone, which names it and the property; all else is told."""
    spoiled = FACTS.replace("primary:1\tlocal", f"{text}\tlocal")
    found = parse(FACTS.replace(ID, OTHER_ID) + spoiled)
    assert found[OTHER_ID] == replace(
        parse(FACTS)[ID], dataset_id=OTHER_ID, path=f"/flocker/{OTHER_ID}"
    )
    trouble = str(found[ID].trouble)
    assert re.match(f"{ID}.*flocker:lease", trouble)
    assert found[ID] == replace(parse(FACTS)[ID], lease=None, trouble=trouble)


@pytest.mark.parametrize(
    "name",
    [
        "tank",
        ROOT,
        f"{ROOT}/{ID}.diverged-1",
        f"{ROOT}/{ID}/{OTHER_ID}",
        f"{ROOT}/{ID.upper()[:-1]}A",
        f"{ROOT}/x",
        f"tank/{ID}",
        f"tank/flocker-lite2/{ID}",
    ],
)
def test_names_that_are_not_ours(name: str) -> None:
    """What is called otherwise is not ours, nor are its snapshots."""
    assert dict(parse(RECEIVED_FACTS.replace(NAME, name))) == {}


def test_below() -> None:
    """Filesystems and volumes that are not ours, each once; snapshots are not told apart there."""
    assert output.below(FACTS, NAME) == ()
    mine = FACTS.replace(f"{NAME}@a", f"{NAME}/mine@a").replace(f"{NAME}@b", f"{NAME}/mine/too")
    (one, *more) = output.below(mine + FACTS.replace(NAME, f"{NAME}/mine"), NAME)
    assert (one, more) == (f"{NAME}/mine", [f"{NAME}/mine/too"])
    with pytest.raises(Conflict, match=f"{NAME}/mine"):
        require_alone(mine, NAME)
    require_alone(FACTS, NAME)


def test_volume() -> None:
    """A volume is not ours even when its name would be."""
    assert dict(parse(RECEIVED_FACTS.replace("type\tfilesystem", "type\tvolume"))) == {}


def test_no_copies() -> None:
    """Nothing is nothing."""
    assert dict(parse("")) == {}


@pytest.mark.parametrize("line", range(6, 12))
def test_a_line_is_missing(line: int) -> None:
    """A fact that is not there is an error, unless nobody asks for it, and not a guess."""
    lines = FACTS.splitlines()
    missing = lines.pop(line).split("\t")[1]
    if missing in ("guid", "createtxg"):
        assert ID in parse("\n".join(lines))
        return
    with pytest.raises(UnexpectedOutput, match=missing):
        parse("\n".join(lines))


@given(
    st.lists(
        st.one_of(
            st.sampled_from(LINES),
            st.text(st.sampled_from("\t-:@/0123x\N{SUPERSCRIPT TWO}\n") | st.characters()),
            st.tuples(
                st.sampled_from([NAME, f"{NAME}@a", ROOT]),
                st.sampled_from(["type", "refquota", "guid", "createtxg", "mounted"]),
                st.sampled_from(["filesystem", "\N{ARABIC-INDIC DIGIT ONE}", "none", "", "7"]),
                st.sampled_from(["local", "-"]),
            ).map("\t".join),
        )
    )
)
def test_any_text(lines: list[str]) -> None:
    """Whatever is printed: records or an error."""
    try:
        found = parse("\n".join(lines))
    except UnexpectedOutput:
        return
    assert set(found) <= {ID}


@pytest.mark.parametrize(("text", "size"), ESTIMATES)
def test_estimate(text: str, size: int) -> None:
    """The size is in the last line."""
    assert output.estimated_bytes(text) == size


@pytest.mark.parametrize("text", ["", "size\t0\n", "size\t\n", "size 5\n", "full\tx\t5\n"])
def test_no_estimate(text: str) -> None:
    """Anything else is not known."""
    assert output.estimated_bytes(text) is None


@given(st.text())
def test_any_estimate(text: str) -> None:
    """Whatever is printed: a size or None."""
    size = output.estimated_bytes(text)
    assert size is None or size > 0


SOMEBODYS = """\
tank/pg\ttype\tfilesystem\t-
tank/pg\tmountpoint\t/tank/pg\tdefault
tank/pg\tused\t30208\t-
tank/pg\trefquota\t0\tdefault
tank/pg\torigin\t-\t-
tank/pg@daily\ttype\tsnapshot\t-
tank/pg@daily\tmountpoint\t-\t-
tank/pg@daily\tused\t0\t-
tank/pg@daily\trefquota\t-\t-
tank/pg@daily\torigin\t-\t-
"""


def test_found_filesystem() -> None:
    """What somebody made, with its snapshots, and its limit if it has one."""
    found = output.found_filesystem(SOMEBODYS, "tank/pg", ROOT)
    assert found == FoundFilesystem("tank/pg", "/tank/pg", 30208)
    limited = SOMEBODYS.replace("refquota\t0\tdefault", "refquota\t4096\tlocal")
    assert output.found_filesystem(limited, "tank/pg", ROOT).maximum_size == 4096
    nowhere = SOMEBODYS.replace("/tank/pg\tdefault", "none\tlocal")
    assert output.found_filesystem(nowhere, "tank/pg", ROOT).path is None


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        (SOMEBODYS.replace("filesystem", "volume"), "tank/pg", "a volume of ZFS"),
        (SOMEBODYS.replace("origin\t-", "origin\ttank/x@a", 1), "tank/pg", "it is a clone"),
        (SOMEBODYS + SOMEBODYS.replace("tank/pg\t", "tank/pg/wal\t"), "tank/pg", "tank/pg/wal"),
        (SOMEBODYS.replace("tank/pg", "tank"), "tank", "has the datasets of this node"),
        (SOMEBODYS.replace("tank/pg", ROOT), ROOT, "has the datasets of this node"),
        (SOMEBODYS.replace("tank/pg", NAME), NAME, "or is one of them"),
    ],
)
def test_no_dataset(text: str, name: str, why: str) -> None:
    """What cannot become one, and why."""
    assert why in (output.found_filesystem(text, name, ROOT).why_not or "")
