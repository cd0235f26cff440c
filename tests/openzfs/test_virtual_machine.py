"""
Real OpenZFS does what flocker_lite relies on: run these inside the virtual machine.

`python3 -m admin.vm run -- python3 -m pytest tests/openzfs`; without OpenZFS in the kernel they
fail.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openzfs.pools import NAMES, create_pools, destroy_pools

COMMAND_SECONDS_MAX = 60
FILE_MEBIBYTES = 24
MEBIBYTE = 1 << 20


def zfs(*argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `zfs` or `zpool` (the first argument) without judging its exit code."""
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=COMMAND_SECONDS_MAX)


def succeed(*argv: str, stdin: bytes = b"") -> str:
    """Run `zfs` or `zpool`, which must succeed, and return what it printed."""
    done = zfs(*argv, stdin=stdin)
    assert done.returncode == 0, (argv, done.stderr.decode())
    return done.stdout.decode()


def stream(*argv: str) -> bytes:
    """Run `zfs send` and return the stream."""
    done = zfs(*argv)
    assert done.returncode == 0, (argv, done.stderr.decode())
    return done.stdout


@pytest.fixture
def pools() -> Iterator[tuple[str, str]]:
    """Two empty pools."""
    create_pools()
    try:
        yield NAMES
    finally:
        destroy_pools()


@pytest.fixture
def volume(pools: tuple[str, str], tmp_path: Path) -> str:
    """A dataset with one file of random bytes and the snapshot `first`."""
    name = f"{pools[0]}/volume"
    mountpoint = tmp_path / "volume"
    succeed("zfs", "create", "-o", f"mountpoint={mountpoint}", name)
    (mountpoint / "data").write_bytes(os.urandom(FILE_MEBIBYTES * MEBIBYTE))
    succeed("zfs", "snapshot", f"{name}@first")
    return name


def property_of(name: str, of: str) -> str:
    return succeed("zfs", "get", "-Hp", "-o", "value", name, of).strip()


def receive_mounted(volume: str, target: str, mountpoint: Path) -> None:
    """Have what `first` is of a dataset there as well, mounted."""
    succeed("zfs", "receive", "-u", target, stdin=stream("zfs", "send", f"{volume}@first"))
    succeed("zfs", "set", f"mountpoint={mountpoint}", target)
    if property_of("mounted", target) == "no":
        succeed("zfs", "mount", target)


def test_kernel_and_tools_are_openzfs() -> None:
    """The module and the tools are of the same version, and it is 2.1 or later."""
    tools, kernel = succeed("zfs", "version").split()
    assert kernel == tools.replace("zfs-", "zfs-kmod-")
    assert tuple(map(int, tools.removeprefix("zfs-").split(".")[:2])) >= (2, 1)


def test_full_and_incremental_streams_keep_guids(
    pools: tuple[str, str], volume: str, tmp_path: Path
) -> None:
    """A snapshot has the same guid on both sides, after a full stream and after an increment."""
    target = f"{pools[1]}/volume"
    succeed("zfs", "receive", "-u", target, stdin=stream("zfs", "send", f"{volume}@first"))
    (tmp_path / "volume" / "more").write_bytes(os.urandom(MEBIBYTE))
    succeed("zfs", "snapshot", f"{volume}@second")
    increment = stream("zfs", "send", "-i", "@first", f"{volume}@second")
    assert MEBIBYTE <= len(increment) < FILE_MEBIBYTES * MEBIBYTE
    succeed("zfs", "receive", "-u", target, stdin=increment)
    for snapshot in ("first", "second"):
        ours, theirs = (property_of("guid", f"{name}@{snapshot}") for name in (volume, target))
        assert ours == theirs


def test_received_data_is_the_sent_data(
    pools: tuple[str, str], volume: str, tmp_path: Path
) -> None:
    """What is read at the target is what was written at the source."""
    target, mountpoint = f"{pools[1]}/volume", tmp_path / "copy"
    receive_mounted(volume, target, mountpoint)
    sent = (tmp_path / "volume" / "data").read_bytes()
    assert (mountpoint / "data").read_bytes() == sent


def test_size_is_predicted(volume: str) -> None:
    """`send -nvP` says the stream's size within one per cent, tab-separated, without sending."""
    lines = succeed("zfs", "send", "-nvP", f"{volume}@first").splitlines()
    kind, snapshot, _ = lines[0].split("\t")
    assert (kind, snapshot) == ("full", f"{volume}@first")
    word, size = lines[-1].split("\t")
    actual = len(stream("zfs", "send", f"{volume}@first"))
    assert word == "size"
    assert int(size) == pytest.approx(actual, rel=0.01)


def test_cut_stream_is_resumed(pools: tuple[str, str], volume: str) -> None:
    """After a cut, the target's token makes the source send only what is missing."""
    target = f"{pools[1]}/volume"
    whole = stream("zfs", "send", f"{volume}@first")
    cut = zfs("zfs", "receive", "-s", "-u", target, stdin=whole[: len(whole) // 2])
    assert cut.returncode != 0
    token = property_of("receive_resume_token", target)
    assert token not in ("", "-")
    rest = stream("zfs", "send", "-t", token)
    assert len(rest) < 0.75 * len(whole)
    succeed("zfs", "receive", "-s", "-u", target, stdin=rest)
    assert property_of("guid", f"{target}@first") == property_of("guid", f"{volume}@first")
    assert property_of("receive_resume_token", target) == "-"


def test_cut_stream_is_given_up(pools: tuple[str, str], volume: str) -> None:
    """`receive -A` throws away what a cut stream left, and the dataset with it."""
    target = f"{pools[1]}/volume"
    whole = stream("zfs", "send", f"{volume}@first")
    zfs("zfs", "receive", "-s", "-u", target, stdin=whole[: len(whole) // 2])
    succeed("zfs", "receive", "-A", target)
    assert zfs("zfs", "list", target).returncode != 0


def test_diverged_target_refuses_an_increment(
    pools: tuple[str, str], volume: str, tmp_path: Path
) -> None:
    """A target that was written to after the common snapshot keeps its data."""
    target, mountpoint = f"{pools[1]}/volume", tmp_path / "copy"
    receive_mounted(volume, target, mountpoint)
    (mountpoint / "own").write_bytes(b"written at the target")
    succeed("zfs", "snapshot", f"{target}@own")
    succeed("zfs", "snapshot", f"{volume}@second")
    increment = stream("zfs", "send", "-i", "@first", f"{volume}@second")
    refused = zfs("zfs", "receive", "-u", target, stdin=increment)
    assert refused.returncode != 0
    assert b"modified" in refused.stderr
    assert (mountpoint / "own").read_bytes() == b"written at the target"
