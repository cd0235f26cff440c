"""Which properties travel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.interfaces import wire
from flocker_lite.model import codec
from flocker_lite.model.properties import NAMES, listed, staying, travelling, travels
from flocker_lite.model.state import Forecast

HARMFUL = (
    *("mountpoint", "canmount", "readonly", "quota", "refquota", "reservation", "refreservation"),
    *("sharenfs", "sharesmb", "zoned", "jailed", "encryption", "keylocation", "keyformat"),
    *("overlay", "dedup", "volsize", "flocker:lease", "flocker:group", "com.sun:auto-snapshot"),
)


@pytest.mark.parametrize("name", HARMFUL)
def test_what_never_travels(name: str) -> None:
    """Neither set nor taken back, whatever the value."""
    assert not any(travels(name, value) for value in (None, "on", "off", "none", "1"))


@pytest.mark.parametrize(
    "said",
    [
        *("compression=lz4", "compression=gzip-9", "compression=zstd", "compression=zstd-19"),
        *("compression=zstd-fast", "compression=zstd-fast-1000", "recordsize=131072"),
        *("atime=off", "xattr=sa", "acltype=posixacl", "sync=disabled", "dnodesize=auto"),
        *("copies=2", "checksum=sha256", "exec=off", "setuid=off", "devices=off"),
    ],
)
def test_what_travels(said: str) -> None:
    """What people set, as `zfs get -p` says it."""
    name, _, value = said.partition("=")
    assert travels(name, value)
    assert travels(name, None)


@pytest.mark.parametrize(
    "said",
    [
        *("exec=on", "setuid=on", "devices=on", "checksum=off", "compression=", "copies=4"),
        *("compression=lz4 -o x", "compression=lz4\n", "recordsize=128K", "recordsize=0"),
        *("recordsize=" + "1" * 9, "atime=on,exec"),
    ],
)
def test_values_that_do_not(said: str) -> None:
    """What would protect the other node less, and what is no value at all."""
    name, _, value = said.partition("=")
    assert not travels(name, value)


@given(st.dictionaries(st.sampled_from((*sorted(NAMES), *HARMFUL)), st.none() | st.text()))
def test_each_travels_or_stays(told: dict[str, str | None]) -> None:
    """What does not travel is said, one by one."""
    let_in = travelling(told)
    assert set(let_in) <= NAMES
    assert len(let_in) + len(staying(told)) == len(told)


def test_a_list_is_short() -> None:
    """However much users set, what is told of it fits in one answer of an agent."""
    told = {f"com.example:{number:0200}": "\U0001f419" * 1000 for number in range(100)}
    by_dataset = {f"{number:036}": told for number in range(3)}
    assert 0 < len(codec.dumps(Forecast(properties=listed(by_dataset)))) < 2**16


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), st.none() | st.just("off")))
def test_what_a_peer_says(told: dict[str, str | None]) -> None:
    """What has the form of properties comes through as it was told."""
    boxes = [{"name": name, "value": value} for name, value in told.items()]
    assert wire.properties(boxes) == told
