"""Certificates of a running service: others are taken in, bad ones are not, and ends are told."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.ca.claims import CertificateError, Kind
from flocker_lite.ca.directory import Directory
from flocker_lite.ca.issuing import CERTIFICATE_DAYS
from flocker_lite.tls.certificates import LOOK_SECONDS, WARNING_SECONDS
from tests.tls.logged import logged_lines
from tests.tls.world import NODE_1, NODE_2, OTHER_CLUSTER, World, now

AGENTS = (Kind.NODE,)


class CertificatesTests(SynchronousTestCase):
    """A control service and an agent, with files that are changed under them."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.world = World(Path(directory.name))
        self.control_path = self.world.issue(Kind.CONTROL, "control.example")
        self.node_path = self.world.issue(Kind.NODE, NODE_1)
        self.control = self.world.open(self.control_path, Kind.CONTROL)
        self.agent = self.world.open(self.node_path, Kind.NODE)
        for service in (self.control, self.agent):
            service.startService()
            self.addCleanup(service.stopService)
        self.logged = logged_lines(self)

    def said(self, text: str) -> int:
        """How often the log has this."""
        return sum(text in line for line in self.logged)

    def replace(self, path: Path, by: Path) -> None:
        """Put other files in place of those of a service."""
        for old in path.iterdir():
            old.unlink()
        for new in by.iterdir():
            shutil.copy(new, path / new.name)

    def test_a_renewed_certificate(self) -> None:
        """The agent takes it in by itself, and connects anew to show it."""
        meeting = self.world.meet(self.agent, self.control, AGENTS)
        fresh = self.world.path / "fresh"
        shutil.copytree(self.node_path, fresh)
        renewed = Directory(self.world.path / "own")
        shutil.copy(fresh / f"node-{NODE_1}.crt", renewed.path / f"node-{NODE_1}.crt")
        renewed.renew(renewed.path / f"node-{NODE_1}.crt", now() + timedelta(days=1))
        shutil.copy(renewed.path / f"node-{NODE_1}.crt", self.node_path)
        self.world.clock.advance(LOOK_SECONDS)
        self.world.settle(meeting)
        assert self.said(f"loaded the changed certificates of node {NODE_1}") == 1
        assert meeting.client.lost is not None
        again = self.world.meet(self.agent, self.control, AGENTS)
        assert again.server.heard == b"client"

    def test_the_services_own(self) -> None:
        """Those who are connected stay, while it is the same authority."""
        meeting = self.world.meet(self.agent, self.control, AGENTS)
        self.replace(self.control_path, self.world.issue(Kind.CONTROL, "other.example"))
        self.control.reload()
        self.world.settle(meeting)
        assert meeting.server.lost is None
        again = self.world.meet(self.agent, self.control, AGENTS)
        assert again.client.peer == "control service other.example"

    def test_another_authority(self) -> None:
        """Nobody stays who would not be let in any more; with its own, each comes in again."""
        meeting = self.world.meet(self.agent, self.control, AGENTS)
        self.world.authority("new", OTHER_CLUSTER)
        self.replace(self.control_path, self.world.issue(Kind.CONTROL, "control.example", by="new"))
        self.control.reload()
        self.world.settle(meeting)
        assert meeting.client.lost is not None
        refused = self.world.meet(self.agent, self.control, AGENTS)
        assert refused.server.heard == b""
        self.replace(self.node_path, self.world.issue(Kind.NODE, NODE_1, by="new"))
        self.agent.reload()
        assert self.world.meet(self.agent, self.control, AGENTS).server.heard == b"client"

    def test_a_revoked_certificate(self) -> None:
        """Who came by it is hung up on, and stays out; others stay, and a new one is good."""
        other = self.world.open(self.world.issue(Kind.NODE, NODE_2), Kind.NODE)
        meetings = [self.world.meet(who, self.control, AGENTS) for who in (self.agent, other)]
        authority = Directory(self.world.path / "own")
        returned = shutil.copy(self.node_path / f"node-{NODE_1}.crt", authority.path)
        authority.revoke(Path(returned), now())
        shutil.copy(authority.path / "cluster.revoked", self.control_path)
        self.control.reload()
        for meeting in meetings:
            self.world.settle(meeting)
        assert [meeting.server.lost is None for meeting in meetings] == [False, True]
        assert self.said(f"hanging up on node {NODE_1}: its certificate was revoked") == 1
        refused = self.world.meet(self.agent, self.control, AGENTS)
        assert refused.server.heard == b""
        assert f"the certificate of node {NODE_1} was revoked" in str(refused.server.lost)
        fresh = self.world.issue(Kind.NODE, NODE_1, age=timedelta(days=1))
        again = self.world.meet(self.world.open(fresh, Kind.NODE), self.control, AGENTS)
        assert again.server.heard == b"client"

    def test_a_list_that_is_damaged(self) -> None:
        """The one from before stays in use, and the log says so."""
        (self.control_path / "cluster.revoked").write_text("nonsense")
        self.control.reload()
        assert self.said("the list of revoked certificates is damaged") == 1
        assert self.world.meet(self.agent, self.control, AGENTS).server.heard == b"client"

    def test_files_that_are_no_good(self) -> None:
        """What is in use stays in use, and it is said once, until they are mended."""
        certificate = self.node_path / f"node-{NODE_1}.crt"
        good = certificate.read_bytes()
        self.world.authority("new", OTHER_CLUSTER)
        another = self.world.issue(Kind.NODE, NODE_1, by="new") / certificate.name
        for bad, reason in (
            (b"", "not a certificate"),
            (another.read_bytes(), "was not made by the authority"),
        ):
            certificate.write_bytes(bad)
            for _ in range(3):
                self.world.clock.advance(LOOK_SECONDS)
            assert self.said(reason) == 1
            assert self.world.meet(self.agent, self.control, AGENTS).server.heard == b"client"
        certificate.write_bytes(good)
        self.world.clock.advance(LOOK_SECONDS)
        certificate.write_bytes(b"")
        self.world.clock.advance(LOOK_SECONDS)
        assert self.said("not a certificate") == 2

    def test_those_of_another_node(self) -> None:
        """A node stays who it is for as long as its agent runs."""
        self.replace(self.node_path, self.world.issue(Kind.NODE, NODE_2))
        self.agent.reload()
        assert (
            self.said(f"this is node {NODE_1}, but the certificates belong to node {NODE_2}") == 1
        )
        meeting = self.world.meet(self.agent, self.control, AGENTS)
        assert meeting.server.peer == f"node {NODE_1}"

    def test_a_certificate_that_expires_meanwhile(self) -> None:
        """Nobody stays longer than it is good, whenever the clock comes to be so late."""
        meeting = self.world.meet(self.agent, self.control, AGENTS)
        self.world.clock.advance(LOOK_SECONDS)
        self.world.settle(meeting)
        assert meeting.server.lost is None
        self.world.clock.rightNow += timedelta(days=CERTIFICATE_DAYS).total_seconds()
        self.world.clock.advance(0)
        self.world.settle(meeting)
        assert meeting.server.lost is not None
        assert self.said(f"hanging up on node {NODE_1}: its certificate has expired") == 1

    def test_an_end_that_is_near(self) -> None:
        """It is warned about once a day, by its owner and by who is shown it."""
        path = self.world.issue(Kind.NODE, NODE_2, age=timedelta(days=CERTIFICATE_DAYS - 10))
        agent = self.world.open(path, Kind.NODE)
        warning = f"the certificate of node {NODE_2} expires on"
        assert self.said(warning) == 1
        for _ in range(2):
            self.world.meet(agent, self.control, AGENTS)
        assert self.said(warning) == 2
        self.world.clock.advance(WARNING_SECONDS)
        self.world.meet(agent, self.control, AGENTS)
        assert self.said(warning) == 3
        assert self.said(f"node {NODE_1} expires") == 0

    def test_the_authoritys_key(self) -> None:
        """It has no business where a service runs."""
        shutil.copy(self.world.path / "own/cluster.key", self.node_path)
        self.world.open(self.node_path, Kind.NODE)
        assert self.said("the key of the cluster's authority is in") == 1

    def test_a_service_does_not_start_without(self) -> None:
        """The error says what to do."""
        key = self.node_path / f"node-{NODE_1}.key"
        for spoil, reason in (
            (lambda: key.chmod(0o644), "everybody may read .*: chmod 600"),
            (lambda: key.write_bytes(b""), "could not deserialize|Unable to load"),
            (lambda: key.unlink(), "cannot be read: No such file"),
            (
                lambda: key.with_suffix(".crt").unlink(),
                "but has: none; copy the files there that flocker-ca",
            ),
        ):
            spoil()
            with pytest.raises(CertificateError, match=reason):
                self.world.open(self.node_path, Kind.NODE)
            if key.exists():
                key.chmod(0o600)

    def test_two_certificates(self) -> None:
        """Which of them is meant, nobody knows."""
        for path in self.world.issue(Kind.NODE, NODE_2).iterdir():
            shutil.copy(path, self.node_path)
        with pytest.raises(CertificateError, match="should have one"):
            self.world.open(self.node_path, Kind.NODE)
