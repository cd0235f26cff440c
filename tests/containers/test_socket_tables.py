"""At which ports a container listens, out of the kernel's tables."""

from __future__ import annotations

from pathlib import Path

from flocker_lite.containers.socket_tables import connections, listening_ports, missing

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
REST = "00000000:00000000 00:00000000 00000000     0        0 1165 1 0000 100 0 0 10 0\n"
ANY4 = f"   0: 00000000:18EB 00000000:0000 0A {REST}"
LOOPBACK4 = f"   1: 0100007F:0050 00000000:0000 0A {REST}"
CONNECTED = f"   2: 020011AC:1538 010011AC:D431 01 {REST}"
NO_ADDRESS = "00000000000000000000000000000000"
ANY6 = f"   0: {NO_ADDRESS}:1F90 {NO_ADDRESS}:0000 0A {REST}"
UDP4 = f"   0: 00000000:0035 00000000:0000 07 {REST}"
LOOPBACK6 = f"   1: 00000000000000000000000001000000:0050 {NO_ADDRESS}:0000 0A {REST}"
MAPPED = f"   2: 0000000000000000FFFF00000100007F:0051 {NO_ADDRESS}:0000 0A {REST}"


def test_only_what_others_reach() -> None:
    """Connections, and what listens for the container itself alone, do not count."""
    assert list(listening_ports(HEAD + ANY4 + LOOPBACK4 + CONNECTED)) == [6379]
    assert list(listening_ports(HEAD + ANY6 + LOOPBACK6 + MAPPED)) == [8080]


def test_all_of_its_ports(tmp_path: Path) -> None:
    """It listens once all do, with either version of IP."""
    net = tmp_path / "net"
    net.mkdir()
    (net / "tcp").write_text(HEAD + ANY4)
    assert missing(tmp_path, ["6379"]) == frozenset()
    assert missing(tmp_path, ["6379", "8080"]) == frozenset({"8080"})
    (net / "tcp6").write_text(HEAD + ANY6)
    assert missing(tmp_path, ["6379", "8080"]) == frozenset()
    assert missing(tmp_path, []) == frozenset()


def test_datagrams(tmp_path: Path) -> None:
    """A UDP port has a table of its own, and a number that TCP may have as well."""
    net = tmp_path / "net"
    net.mkdir()
    (net / "tcp").write_text(HEAD)
    assert missing(tmp_path, ["53/udp"]) == frozenset({"53/udp"})
    (net / "udp").write_text(HEAD + UDP4)
    assert missing(tmp_path, ["53/udp"]) == frozenset()
    assert missing(tmp_path, ["53"]) == frozenset({"53"})


def test_no_table_in_vain(tmp_path: Path) -> None:
    """A table is read only for a port that is not found yet; here the others are no tables."""
    net = tmp_path / "net"
    net.mkdir()
    (net / "tcp").write_text(HEAD + ANY4)
    for name in ("tcp6", "udp", "udp6"):
        (net / name).mkdir()
    assert missing(tmp_path, ["6379"]) == frozenset()


def test_connections(tmp_path: Path) -> None:
    """Those at the ports count, by either version of IP; the container's own do not."""
    net = tmp_path / "net"
    net.mkdir()
    own = f"   4: 0100007F:1538 0100007F:D431 01 {REST}"
    (net / "tcp").write_text(HEAD + ANY4 + CONNECTED + own)
    (net / "tcp6").write_text(HEAD + f"   0: {NO_ADDRESS}:1538 {NO_ADDRESS}:D431 01 {REST}")
    assert connections(tmp_path, ["5432"]) == 2
    assert connections(tmp_path, ["6379", "5432/udp"]) == 0
    assert connections(tmp_path / "ended", ["5432"]) == 0


def test_gone(tmp_path: Path) -> None:
    """A process that is gone has no tables."""
    assert missing(tmp_path, []) is None
