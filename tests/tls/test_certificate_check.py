"""What is found wrong with the certificates of a service."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.ca.claims import Kind
from flocker_lite.ca.issuing import CERTIFICATE_DAYS
from flocker_lite.interfaces.checks import ICheck
from flocker_lite.testing.check_contract import CheckContract
from flocker_lite.tls.certificate_check import CertificateCheck
from flocker_lite.tls.certificates import LOOK_SECONDS
from tests.tls.world import NODE_1, World, now

DAY_SECONDS = 86400.0


class CertificateCheckTests(CheckContract, SynchronousTestCase):
    """An agent's certificate, as time goes by."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.world = World(Path(directory.name))
        self.path = self.world.issue(Kind.NODE, NODE_1)
        self.certificates = self.world.open(self.path, Kind.NODE)

    def after(self, days: float) -> ICheck:
        """The check when so many days have passed."""
        return CertificateCheck(self.certificates, lambda: now().timestamp() + days * DAY_SECONDS)

    def healthy(self) -> ICheck:
        return self.after(0)

    def ill(self) -> ICheck:
        return self.after(CERTIFICATE_DAYS - 0.5)

    def test_it_ends_soon(self) -> None:
        """A month before, that is a hint."""
        (finding,) = self.looked(self.after(CERTIFICATE_DAYS - 20)).findings
        assert not finding.severe
        assert "flocker-ca renew" in finding.remedy

    def test_the_files_are_invalid(self) -> None:
        """The agent goes on with what it has read, and after a restart it cannot."""
        self.certificates.startService()
        self.addCleanup(self.certificates.stopService)
        next(self.path.glob("node-*.crt")).write_text("nothing")
        self.world.clock.advance(LOOK_SECONDS)
        (finding,) = self.looked(self.healthy()).findings
        assert finding.severe
        assert "not a certificate" in finding.text
        assert self.flushLoggedErrors() == []

    def test_none(self) -> None:
        """Without certificates anybody may do anything: a hint, since it is a lab perhaps."""
        found = self.looked(CertificateCheck(None, lambda: 0.0))
        assert (found.fact, [each.severe for each in found.findings]) == ("none", [False])
