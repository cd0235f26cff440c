"""A control service with certificates, as a real process that TLS clients speak to."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from flocker_lite.ca.claims import Kind
from flocker_lite.ca.directory import Directory

TIMEOUT_SECONDS = 60
DATASETS = "/v1/configuration/datasets"


class Service:
    """A running flocker-control, and the authority that its users have their certificates from."""

    def __init__(self, path: Path) -> None:
        self.authority = Directory(path / "authority")
        self.authority.initialize("test", "c1c1c1c1-0000-4000-8000-000000000001", datetime.now(UTC))
        self.certificate = self.create(Kind.CONTROL, "localhost")
        self.create(Kind.USER, "alice")
        self.create(Kind.READER, "bob")
        self.own = path / "own"
        self.own.mkdir()
        self.give()
        self.port = free_port()
        program = Path(sys.executable).with_name("flocker-control")
        self.process = subprocess.Popen(
            [
                str(program),
                f"--certificates={self.own}",
                f"--data-path={path / 'data'}",
                f"--port=tcp:{self.port}:interface=127.0.0.1",
                "--agent-port=tcp:0:interface=127.0.0.1",
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=path,
        )
        self.wait_for("its certificate says control service localhost")

    def create(self, kind: Kind, name: str) -> Path:
        """A certificate."""
        return self.authority.create(kind, name, datetime.now(UTC), (name,))

    def give(self) -> None:
        """Copy the service's files to where it reads them."""
        for source in (self.certificate, self.certificate.with_suffix(".key")):
            copy = self.own / source.name
            copy.write_bytes(source.read_bytes())
            copy.chmod(0o600)
        authority = self.authority.path / "cluster.crt"
        (self.own / "cluster.crt").write_bytes(authority.read_bytes())

    def wait_for(self, text: str) -> None:
        """Read its log until that is said; what never says it is killed."""
        assert self.process.stdout is not None
        seen = []
        watchdog = Timer(TIMEOUT_SECONDS, self.process.kill)
        watchdog.start()
        try:
            for line in self.process.stdout:
                seen.append(line)
                if text in line:
                    return
        finally:
            watchdog.cancel()
        raise AssertionError("".join(seen))

    def connect(self, user: str) -> http.client.HTTPSConnection:
        """A connection of this user."""
        authority = self.authority.path / "cluster.crt"
        context = ssl.create_default_context(cafile=str(authority))
        certificate = self.authority.path / f"user-{user}.crt"
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        connection = http.client.HTTPSConnection(
            "localhost", self.port, context=context, timeout=TIMEOUT_SECONDS
        )
        connection.connect()
        return connection

    def end(self) -> None:
        """End it in order."""
        self.process.terminate()
        self.process.communicate(timeout=TIMEOUT_SECONDS)


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """One that is ended after the test."""
    running = Service(tmp_path)
    try:
        yield running
    finally:
        running.end()


def serial_number(connection: http.client.HTTPSConnection) -> Any:
    """That of the certificate that the service shows."""
    certificate = connection.sock.getpeercert()
    assert certificate is not None
    return certificate["serialNumber"]


def status(connection: http.client.HTTPSConnection, method: str, path: str) -> int:
    """What a request is answered with."""
    connection.request(method, path, b"{}", {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_a_user_and_a_reader(service: Service) -> None:
    """Both are answered; only one of them may change things."""
    for user, write_status in (("alice", 400), ("bob", 403)):
        with closing(service.connect(user)) as connection:
            assert status(connection, "GET", DATASETS) == 200
            assert status(connection, "POST", DATASETS) == write_status


def test_http_without_tls(service: Service) -> None:
    """Who forgot the s of https is told so, by HTTP; and the log knows of it too."""
    address = ("localhost", service.port)
    with closing(http.client.HTTPConnection(*address, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request("GET", "/v1/version")
        answer = connection.getresponse()
        assert answer.status == 400
        assert "use https://" in json.loads(answer.read())["description"]
    service.wait_for("it speaks HTTP without TLS")


def test_a_new_certificate_without_a_restart(service: Service) -> None:
    """After SIGHUP it shows the new one; who is connected stays, and the process is the same."""
    with closing(service.connect("alice")) as early:
        before = serial_number(early)
        service.authority.renew(service.certificate, datetime.now(UTC) + timedelta(hours=1))
        service.give()
        os.kill(service.process.pid, signal.SIGHUP)
        service.wait_for("loaded the changed certificates of control service localhost")
        with closing(service.connect("alice")) as late:
            assert serial_number(late) != before
        assert status(early, "GET", DATASETS) == 200
    assert service.process.poll() is None


def test_open_to_others_without_certificates(tmp_path: Path) -> None:
    """It does not start, and says what would be right."""
    program = Path(sys.executable).with_name("flocker-control")
    ended = subprocess.run(
        [str(program), f"-d{tmp_path}", "-ptcp:0:interface=0.0.0.0", "-atcp:0"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert ended.returncode == 1
    assert "give the service certificates with --certificates" in ended.stdout
