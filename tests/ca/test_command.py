"""`flocker-ca` as a user types it: what it makes, what it says, and what it never does."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from flocker_lite import __version__
from flocker_lite.ca import command, revoked
from flocker_lite.ca.certificate_facts import claims_of, read_certificate
from flocker_lite.ca.claims import Claims, Kind
from flocker_lite.ca.issuing import AUTHORITY_DAYS, CERTIFICATE_DAYS

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
NODE = "11111111-1111-4111-8111-111111111111"


class CA:
    """The command on one directory, on a day of the test's choice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW

    def fails(self, *words: str) -> str:
        """What it says when it refuses."""
        stdout, stderr = io.StringIO(), io.StringIO()
        line = ["--directory", str(self.path), *words]
        assert command.main(line, stdout, stderr, self.now) == 1
        assert stdout.getvalue() == ""
        return stderr.getvalue()

    def does(self, *words: str) -> str:
        """What it says when it is done."""
        stdout, stderr = io.StringIO(), io.StringIO()
        line = ["--directory", str(self.path), *words]
        assert command.main(line, stdout, stderr, self.now) == 0, stderr.getvalue()
        return stdout.getvalue()

    def certificate(self, name: str) -> x509.Certificate:
        """What is in a file."""
        return read_certificate((self.path / name).read_bytes())

    def files(self) -> dict[str, bytes]:
        """Everything in the directory."""
        return {path.name: path.read_bytes() for path in self.path.iterdir() if path.is_file()}


@pytest.fixture
def ca(tmp_path: Path) -> CA:
    """An authority that was made today."""
    made = CA(tmp_path / "ca")
    made.does("initialize", "my cluster")
    return made


def test_what_is_in_them(ca: CA) -> None:
    """Each says who it is for; the cluster's identity is in all of them."""
    ca.does("create-control", "control.example", "192.0.2.10", "2001:db8::1")
    ca.does("create-node", "--uuid", NODE)
    ca.does("create-node")
    ca.does("create-user", "alice")
    ca.does("create-user", "bob", "--read-only")
    ca.does("create-user", "carol", "--read-only", "--secrets")
    found = {
        path.stem: claims_of(read_certificate(path.read_bytes())) for path in ca.path.glob("*.crt")
    }
    cluster_id = found["cluster"].cluster_id
    new_nodes = {name for name in found if name.startswith("node-")} - {f"node-{NODE}"}
    [new_node] = new_nodes
    assert found == {
        "cluster": Claims(Kind.CLUSTER, "my cluster", cluster_id),
        "control-control.example": Claims(Kind.CONTROL, "control.example", cluster_id),
        f"node-{NODE}": Claims(Kind.NODE, NODE, cluster_id),
        new_node: Claims(Kind.NODE, new_node.removeprefix("node-"), cluster_id),
        "user-alice": Claims(Kind.USER, "alice", cluster_id),
        "user-bob": Claims(Kind.READER, "bob", cluster_id),
        "user-carol": Claims(Kind.SECRETS_READER, "carol", cluster_id),
    }
    names = ca.certificate("control-control.example.crt").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["control.example"]
    addresses = names.value.get_values_for_type(x509.IPAddress)
    assert [str(address) for address in addresses] == ["192.0.2.10", "2001:db8::1"]


def test_nobody_else_reads_them(ca: CA) -> None:
    """Neither the files nor the directory."""
    ca.does("create-user", "alice")
    assert {path.stat().st_mode & 0o777 for path in ca.path.iterdir()} == {0o600}
    assert ca.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("create-control", "control.example", "192.0.2.10"), "control-control.example"),
        (("create-node", "--uuid", NODE), f"node-{NODE}"),
        (("create-user", "alice"), "user-alice"),
    ],
)
def test_one_directory_to_be_copied(ca: CA, words: tuple[str, ...], name: str) -> None:
    """It has all that the owner needs and nothing else, for nobody else's eyes."""
    ca.does("create-user", "mallory")
    ca.does("revoke", str(ca.path / "user-mallory.crt"))
    to = ca.path / "for/it"
    assert f"the files in {to} to " in ca.does(*words, "--to", str(to))
    copied = {f"{name}.crt", f"{name}.key", "cluster.crt", "cluster.revoked"}
    assert {path.name: path.read_bytes() for path in to.iterdir()} == {
        file: content for file, content in ca.files().items() if file in copied
    }
    assert {path.stat().st_mode & 0o777 for path in to.iterdir()} == {0o600}
    assert to.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_is_there(ca: CA) -> None:
    """Nothing is put beside what somebody has in it, and nothing is made."""
    before = ca.files()
    error = ca.fails("create-node", "--to", str(ca.path))
    assert "exists already: choose a new directory" in error
    assert ca.files() == before


def test_addresses(ca: CA) -> None:
    """A list says where nodes are, as far as somebody noted it; their certificates do not."""
    ca.does("create-node", "--uuid", NODE, "--address", "10.0.0.11", "--to", str(ca.path / "for"))
    ca.does("create-node", "--address", "fd00::12")
    ca.does("create-node")
    ca.does("create-user", "alice")
    said = ca.does("list")
    assert re.search(rf"node {NODE} at 10\.0\.0\.11 +20", said)
    assert re.search(r"node [0-9a-f-]+ at fd00::12 +20", said)
    assert len(re.findall(r"node [0-9a-f-]{36} +20", said)) == 1
    assert b"10.0.0.11" not in (ca.path / f"node-{NODE}.crt").read_bytes()
    assert not list((ca.path / "for").glob("*.address"))
    # It may be noted later, and goes with its certificate.
    (ca.path / f"node-{NODE}.address").write_text("node1.example\n")
    assert f"node {NODE} at node1.example" in ca.does("list")
    ca.does("renew", str(ca.path / f"node-{NODE}.crt"))
    assert f"node {NODE} at node1.example" in ca.does("list")
    ca.does("revoke", str(ca.path / f"node-{NODE}.crt"))
    assert not (ca.path / f"node-{NODE}.address").exists()
    assert "node1.example" not in ca.does("list")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told as the other commands tell it."""
    with pytest.raises(SystemExit) as ended:
        command.main(["--version"], io.StringIO(), io.StringIO(), NOW)
    assert (ended.value.code, capsys.readouterr().out) == (0, f"flocker_lite {__version__}\n")


@pytest.mark.parametrize(
    "words",
    [
        ("initialize", "another"),
        ("create-user", "alice"),
        ("create-user", "alice", "--read-only"),
        ("create-node", "--uuid", NODE),
        ("create-control", "control.example", "other.example"),
    ],
)
def test_nothing_is_overwritten(ca: CA, words: tuple[str, ...]) -> None:
    """What is there stays as it is, to the byte; the error says what to do."""
    ca.does("create-user", "alice")
    ca.does("create-node", "--uuid", NODE)
    ca.does("create-control", "control.example")
    before = ca.files()
    assert "exists already: renew it, or move it away" in ca.fails(*words)
    assert ca.files() == before


def test_not_even_a_key_without_its_certificate(ca: CA) -> None:
    """The key may be the only one of its kind."""
    (ca.path / "user-alice.key").write_text("precious")
    assert "user-alice.key exists already" in ca.fails("create-user", "alice")
    assert (ca.path / "user-alice.key").read_text() == "precious"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("create-user", "al/ice"), "cannot name a user"),
        (("create-user", "../alice"), "cannot name a user"),
        (("create-user", ""), "cannot name a user"),
        (("create-user", "alice\n"), "cannot name a user"),
        (("create-user", "alice", "--secrets"), "sees secrets anyway: leave --secrets out"),
        (("create-control", "no host"), "cannot name a control"),
        (("create-control", "good.example", "no_host"), "'no_host' is neither a host name"),
        (("create-node", "--address", "no host"), "'no host' is neither a host name"),
        (("renew", "nowhere.crt"), "nowhere.crt does not exist"),
    ],
)
def test_mistakes(ca: CA, words: tuple[str, ...], error: str) -> None:
    """They are said in words, and make nothing."""
    before = ca.files()
    assert error in ca.fails(*words)
    assert ca.files() == before


def test_no_authority(tmp_path: Path) -> None:
    """The error says how to make one; and who has not its key cannot do anything."""
    ca = CA(tmp_path)
    assert "flocker-ca initialize CLUSTER" in ca.fails("create-user", "alice")
    ca.does("initialize", "my cluster")
    (tmp_path / "cluster.key").unlink()
    assert "cannot make certificates without it" in ca.fails("create-user", "alice")
    CA(tmp_path / "other").does("initialize", "other")
    (tmp_path / "cluster.key").write_bytes((tmp_path / "other/cluster.key").read_bytes())
    assert "is not the key of the certificate beside it" in ca.fails("create-user", "alice")


def test_renewed(ca: CA) -> None:
    """The same certificate for the same key, with more time; others keep theirs."""
    ca.does("create-control", "control.example", "192.0.2.10")
    old = ca.certificate("control-control.example.crt")
    ca.now += timedelta(days=200)
    ca.does("create-user", "alice")
    ca.now += timedelta(days=CERTIFICATE_DAYS - 200 - 20)
    before = ca.files()
    (ca.path / "control-control.example.new").write_text("cut off")
    said = ca.does("renew")
    assert "renewed" in said
    assert "user-alice" not in said
    changed = {name for name, content in ca.files().items() if content != before.get(name)}
    assert changed == {"control-control.example.crt"}
    new = ca.certificate("control-control.example.crt")
    assert new.public_key() == old.public_key()
    assert new.serial_number != old.serial_number
    assert new.not_valid_after_utc == ca.now + timedelta(days=CERTIFICATE_DAYS)
    alternative = x509.SubjectAlternativeName
    assert new.extensions.get_extension_for_class(alternative) == (
        old.extensions.get_extension_for_class(alternative)
    )
    assert (ca.path / "control-control.example.crt").stat().st_mode & 0o777 == 0o600
    assert ca.does("renew") == "nothing expires within 90 days\n"


def test_renewed_by_name(ca: CA) -> None:
    """Long before its time, and without its key, which its owner has; only what is of here."""
    ca.does("create-user", "alice")
    (ca.path / "user-alice.key").unlink()
    ca.now += timedelta(days=1)
    assert "user-alice.crt" in ca.does("renew", str(ca.path / "user-alice.crt"))
    other = CA(ca.path / "other")
    other.does("initialize", "other")
    other.does("create-user", "alice")
    theirs = other.path / "user-alice.crt"
    for path in (theirs, other.path / "cluster.crt"):
        before = path.read_bytes()
        assert "this authority did not make" in ca.fails("renew", str(path))
        assert path.read_bytes() == before


def test_revoked(ca: CA) -> None:
    """It is on the list, and out of the way of a new one of this name; the list grows."""
    serial_numbers = []
    for _ in range(2):
        ca.does("create-user", "alice")
        serial_numbers.append(ca.certificate("user-alice.crt").serial_number)
        before = ca.files()
        said = ca.does("revoke", str(ca.path / "user-alice.crt"))
        assert "copy cluster.revoked to the control service's machine" in said
        kept = ca.path / "revoked" / f"user-alice-{serial_numbers[-1]:x}.crt"
        assert kept.read_bytes() == before["user-alice.crt"]
        assert kept.with_suffix(".key").read_bytes() == before["user-alice.key"]
        assert "user-alice" not in ca.does("list")
    lines = (ca.path / "cluster.revoked").read_text().splitlines()
    assert lines == [f"{number:x} # user alice, 2030-01-01" for number in serial_numbers]
    assert revoked.serial_numbers("\n".join(lines)) == frozenset(serial_numbers)


def test_what_is_not_revoked(ca: CA) -> None:
    """The authority itself, and what another one signed."""
    other = CA(ca.path / "other")
    other.does("initialize", "other")
    for path in (ca.path / "cluster.crt", other.path / "cluster.crt"):
        assert "flocker-ca revoke:" in ca.fails("revoke", str(path))
        assert path.exists()
    assert not (ca.path / "cluster.revoked").exists()


def test_the_authority_is_renewed_first(ca: CA) -> None:
    """What it signs ends with it; and what it signed before stays good."""
    ca.now += timedelta(days=AUTHORITY_DAYS - 50)
    ca.does("create-user", "alice")
    old = ca.certificate("user-alice.crt")
    assert old.not_valid_after_utc == NOW + timedelta(days=AUTHORITY_DAYS)
    ca.does("renew")
    authority, new = ca.certificate("cluster.crt"), ca.certificate("user-alice.crt")
    assert authority.not_valid_after_utc == ca.now + timedelta(days=AUTHORITY_DAYS)
    assert new.not_valid_after_utc == ca.now + timedelta(days=CERTIFICATE_DAYS)
    for certificate in (old, new):
        certificate.verify_directly_issued_by(authority)


def test_an_authority_that_is_over(ca: CA) -> None:
    """It signs nothing; it can be renewed."""
    ca.now += timedelta(days=AUTHORITY_DAYS + 1)
    assert "has expired: renew it first" in ca.fails("create-user", "alice")
    ca.does("renew")
    ca.does("create-user", "alice")


def test_the_list(ca: CA) -> None:
    """It shows whom each is for and when it expires, and what is urgent."""
    ca.does("create-user", "alice")
    assert "flocker-ca renew" not in ca.does("list")
    ca.now += timedelta(days=CERTIFICATE_DAYS - 10)
    ca.does("create-user", "bob", "--read-only")
    cluster, alice, bob = ca.does("list").splitlines()[1:]
    assert re.fullmatch(r"cluster.crt +cluster my cluster \([0-9a-f-]{36}\) +2040-01-02", cluster)
    assert re.fullmatch(
        r"user-alice.crt +user alice +2031-02-02 +expires on 2031-02-02, in 10 days: "
        "flocker-ca renew",
        alice,
    )
    assert re.fullmatch(r"user-bob.crt +read-only user bob +2032-02-24", bob)
    ca.now += timedelta(days=10)
    assert "expired on 2031-02-02: flocker-ca renew" in ca.does("list")


def test_etcd(ca: CA) -> None:
    """Each machine gets a folder with an authority of etcd's own; nobody in it is one of its users.

    A member is a server and a client of the others; the control service is a client alone.
    """
    for host in ("10.0.0.1", "c2.example"):
        assert f"etcd/{host}" in ca.does("create-etcd", host)
        folder = ca.path / "etcd" / host
        authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
        assert authority == x509.load_pem_x509_certificate((ca.path / "etcd/ca.crt").read_bytes())
        for name, usages in (("server", 2), ("client", 1)):
            made = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
            made.verify_directly_issued_by(authority)
            assert made.subject.get_attributes_for_oid(NameOID.COMMON_NAME) == []
            usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            assert len(list(usage)) == usages
            assert (folder / f"{name}.key").stat().st_mode & 0o777 == 0o600
    assert "exists already: move it away" in ca.fails("create-etcd", "c2.example")
    assert "neither a host name nor an IP" in ca.fails("create-etcd", "a b")
    assert "etcd" not in ca.does("list")
