"""An etcd for the benchmarks: what a control service needs of it, and the floor of its puts."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from base64 import b64encode
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from admin.bench.figures import Floor
from admin.etcd_members import Members

LEASE_SECONDS = 60
"""A leader is not to be lost because others use the processors while it loads 10,000 containers."""


def options(members: Members) -> tuple[str, ...]:
    """What a control service is told of them."""
    return (
        f"--store={members.store}",
        f"--etcd-certificates={members.certificates}",
        f"--lease-seconds={LEASE_SECONDS}",
        "--address=127.0.0.1",
    )


def migrate(store: Path, members: Members) -> None:
    """Have the members keep what is in a store of SQLite."""
    program = Path(sys.executable).with_name("flocker-control")
    words = ("--from", f"sqlite:{store}", "--to", members.store)
    certificates = f"--etcd-certificates={members.certificates}"
    subprocess.run([program, "migrate", *words, certificates], check=True, capture_output=True)


class PutFloor(Floor):
    """Of etcd: a bare put through a connection that stays open."""

    def __init__(self, members: Members) -> None:
        super().__init__()
        self._puts = Puts(members)

    def __enter__(self) -> PutFloor:
        self._puts.put(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._puts.close()

    def write(self) -> None:
        """See Floor."""
        self._puts.put(len(self.taken))


class Puts:
    """A connection to the first member that stays open."""

    def __init__(self, members: Members) -> None:
        folder = members.certificates
        context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
        address = urlsplit(members.urls[0])
        assert address.hostname is not None
        self._connection = HTTPSConnection(address.hostname, address.port, context=context)

    def put(self, number: int) -> None:
        """Put about as much as a write of the control service does."""
        pair = {"key": f"/bare/{number % 100}", "value": f"{number:0200}"}
        body = {key: b64encode(text.encode()).decode() for key, text in pair.items()}
        self._connection.request("POST", "/v3/kv/put", json.dumps(body))
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"put: {answer.status}")

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
