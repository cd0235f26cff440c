"""`flocker-ca export`: the file that gives a browser a user's certificate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from flocker_lite.ca.certificate_facts import claims_of
from tests.ca.test_command import CA


@pytest.fixture
def ca(tmp_path: Path) -> CA:
    """An authority with a user."""
    made = CA(tmp_path / "ca")
    made.does("initialize", "my cluster")
    made.does("create-user", "alice", "--read-only")
    return made


def test_for_a_browser(ca: CA) -> None:
    """It has the certificate, its key and the authority, and opens with the password."""
    said = ca.does("export", "user-alice.crt")
    password = re.findall(r"its password is (\S+)", said)[0]
    path = ca.path / "user-alice.p12"
    assert path.stat().st_mode & 0o777 == 0o600
    key, certificate, more = pkcs12.load_key_and_certificates(path.read_bytes(), password.encode())
    assert certificate == ca.certificate("user-alice.crt")
    assert key is not None
    assert certificate is not None
    assert key.public_key() == certificate.public_key()
    assert [str(claims_of(each)) for each in more] == [
        str(claims_of(ca.certificate("cluster.crt")))
    ]
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(path.read_bytes(), b"wrong")


def test_refusals(ca: CA) -> None:
    """What is no user's, is not there, or would be overwritten."""
    ca.does("create-control", "control.example")
    assert "no certificate of a user" in ca.fails("export", "control-control.example.crt")
    assert "none of the certificates here" in ca.fails("export", "user-bob.crt")
    target = ca.path / "mine.p12"
    target.write_bytes(b"other")
    assert "cannot be written" in ca.fails("export", "user-alice.crt", "--to", str(target))
    assert target.read_bytes() == b"other"
