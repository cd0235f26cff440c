"""Statements signed with the keys of real certificates."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.ca.certificate_facts import facts_of, read_certificate
from flocker_lite.ca.claims import Kind
from flocker_lite.ca.issuing import CERTIFICATE_DAYS
from flocker_lite.ca.revoked import FILE_NAME
from flocker_lite.interfaces import ISigner
from flocker_lite.model.grants import Signed
from flocker_lite.model.records import NodeId
from flocker_lite.testing.signer_contract import CLUSTER as CONTRACT_CLUSTER
from flocker_lite.testing.signer_contract import NODE, RELEASE, SignerContract
from flocker_lite.tls.certificates import Certificates
from flocker_lite.tls.signer import CERTIFICATE_CHARACTERS_MAX, Signer
from tests.tls.world import CLUSTER, OTHER_CLUSTER, World


class SignerTests(SignerContract, SynchronousTestCase):
    """The contract; and what becomes of certificates with time."""

    def setUp(self) -> None:
        assert CLUSTER == CONTRACT_CLUSTER
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.world = World(Path(directory.name))
        self.world.authority("other", OTHER_CLUSTER)
        self.world.authority("double", CLUSTER)
        self.opened: dict[tuple[str, NodeId | None], tuple[Path, Certificates]] = {}

    def of(self, by: str, node_id: NodeId | None) -> tuple[Path, Certificates]:
        """A service's directory of certificates, and what it has from there."""
        key = by, node_id
        if key not in self.opened:
            kind = Kind.CONTROL if node_id is None else Kind.NODE
            path = self.world.issue(kind, node_id or "control.example", by=by)
            self.opened[key] = path, self.world.open(path, kind)
        return self.opened[key]

    def signer(self, node_id: NodeId | None = None) -> ISigner:
        """See SignerContract."""
        _, certificates = self.of("own", node_id)
        return Signer(certificates)

    def other_authority(self, node_id: NodeId | None = None) -> ISigner:
        """See SignerContract."""
        _, certificates = self.of("other", node_id)
        return Signer(certificates)

    def revoke(self, node_id: NodeId) -> None:
        """See SignerContract."""
        _, revoked = self.of("own", node_id)
        serial_number = facts_of(revoked.credentials.certificate).serial_number
        for path, certificates in self.opened.values():
            (path / FILE_NAME).write_text(f"{serial_number:x}\n")
            certificates.reload()

    def renew(self, node_id: NodeId) -> None:
        """See SignerContract."""
        path, certificates = self.of("own", node_id)
        fresh = self.world.issue(Kind.NODE, node_id, age=timedelta(days=1))
        for file in fresh.iterdir():
            shutil.copy(file, path / file.name)
        certificates.reload()

    def test_expired(self) -> None:
        """What was said stays said, however long ago."""
        old = self.world.issue(Kind.NODE, NODE, age=timedelta(days=CERTIFICATE_DAYS + 1))
        signed = Signer(self.world.open(old, Kind.NODE)).sign(RELEASE)
        assert self.signer().rejection_reason(signed) is None

    def test_another_authority_of_the_same_cluster(self) -> None:
        """It is its key that counts, and not the cluster that it says it is of."""
        _, certificates = self.of("double", NODE)
        rejection_reason = self.signer().rejection_reason(Signer(certificates).sign(RELEASE))
        assert "authority of this cluster did not sign" in str(rejection_reason)

    def test_no_certificates(self) -> None:
        """A certificate without an end, a chain, and a user's are none."""
        user = self.world.issue(Kind.USER, "alice")
        pem = (user / "user-alice.crt").read_text()
        node = self.signer(NODE)
        assert facts_of(read_certificate(pem.encode())).claims.kind is Kind.USER
        for text in (pem, "\n" * CERTIFICATE_CHARACTERS_MAX + node.certificate, "\udcff"):
            signed = Signed(RELEASE, text, node.sign(RELEASE).signature)
            assert self.signer().rejection_reason(signed) is not None
