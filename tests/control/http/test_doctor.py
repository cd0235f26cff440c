"""/state/doctor and /state/nodes/<node>/doctor: what is wrong, with its remedy."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.resource import IResource

from flocker_lite import __version__
from flocker_lite.model.diagnosis import Diagnosis, Finding
from flocker_lite.model.machine import Machine
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.observations import NoObservation, ObservationUnknown
from flocker_lite.testing.memory_check import MemoryCheck
from tests.control.http.cluster import ADDRESS_1, NODE_1, NODE_2, RESTTestCase

DAY_SECONDS = 86400.0
FULL = Finding("pool", "the pool is nearly full", "add disks", severe=False)
AWAY = Finding("docker", "Docker is away", "start it")


class NodeTests(RESTTestCase):
    """A node whose agent is asked."""

    def setUp(self) -> None:
        super().setUp()
        self.told: Diagnosis | Exception = Diagnosis(pmap({"pool": "ONLINE"}), (), self.now)

        async def diagnosis(node_id: NodeId) -> Diagnosis:
            assert node_id == NODE_1
            if isinstance(self.told, Exception):
                raise self.told
            return self.told

        self.control.diagnosis = diagnosis  # type: ignore[method-assign]

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return float(self.clock.seconds())

    def examined(self, node: str = NODE_1) -> Any:
        """What is said of it."""
        return self.get(f"/state/nodes/{node}/doctor")

    def test_all_is_well(self) -> None:
        """What each check saw is said, under the node's UUID and under its address."""
        self.control.report(NODE_1, NodeState())
        said = {
            "host": ADDRESS_1,
            "uuid": NODE_1,
            "checks": [{"check": "pool", "fact": "ONLINE"}],
            "findings": [],
            "clock_offset_seconds": 0.0,
        }
        assert self.examined() == self.examined(ADDRESS_1) == said

    def test_findings(self) -> None:
        """The severe ones come first."""
        self.control.report(NODE_1, NodeState())
        self.told = Diagnosis(findings=(FULL, AWAY))
        assert self.examined()["findings"] == [
            {"check": "docker", "severe": True, "text": AWAY.text, "remedy": AWAY.remedy},
            {"check": "pool", "severe": False, "text": FULL.text, "remedy": FULL.remedy},
        ]

    def test_its_clock(self) -> None:
        """Is compared with that of the control service, at this moment."""
        self.control.report(NODE_1, NodeState())
        for offset, way in ((60.0, "60.0 s ahead of"), (-3.5, "3.5 s behind")):
            self.told = Diagnosis(clock=self.now + offset)
            said = self.examined()
            assert said["clock_offset_seconds"] == offset
            assert way in said["findings"][0]["text"]

    def test_it_is_away(self) -> None:
        """Nobody is asked; since when it is away is said."""
        link = self.control.report(NODE_1, NodeState())
        link.connectionLost(Failure(ConnectionDone()))
        self.clock.advance(60)
        (finding,) = self.examined()["findings"]
        assert (finding["check"], finding["severe"]) == ("agent", True)
        assert ADDRESS_1 in finding["text"]

    def test_it_does_not_answer(self) -> None:
        """Is a severe finding, and for an older agent a hint."""
        self.control.report(NODE_1, NodeState())
        for error, severe in ((NoObservation("too slow"), True), (ObservationUnknown("?"), False)):
            self.told = error
            (finding,) = self.examined()["findings"]
            assert (finding["check"], finding["severe"]) == ("agent", severe)

    def test_releases_that_differ(self) -> None:
        """Are a hint, and so is an older protocol."""
        self.control.report(NODE_1, NodeState(machine=pmap({"machine": Machine("0.0.1")})))
        (finding,) = self.examined()["findings"]
        assert f"release 0.0.1, the control service {__version__}" in finding["text"]
        assert not finding["severe"]

    def test_no_such_node(self) -> None:
        """Is a 404, in a few words."""
        reply = self.request("GET", f"/v1/state/nodes/{NODE_2[:-1]}9/doctor")
        self.assert_refused(reply, 404, "Node not found.")


class ControlTests(RESTTestCase):
    """The control service's own machine, and its user's certificate."""

    ends_at: float | None = None

    def resource(self) -> IResource:
        self.check = MemoryCheck("certificate")
        checks = (self.check,)
        return self.api(checks=checks, certificate_ends_at=lambda _: self.ends_at).resource()

    def test_all_is_well(self) -> None:
        """Its release and its clock are said."""
        said = self.get("/state/doctor")
        assert said["checks"] == [{"check": "certificate", "fact": "fine"}]
        assert (said["findings"], said["release"]) == ([], __version__)
        assert said["time"] == self.clock.seconds()
        assert "your_certificate_expires_at" not in said

    def test_a_finding(self) -> None:
        """Of its own checks."""
        self.check.ill = True
        (finding,) = self.get("/state/doctor")["findings"]
        assert (finding["check"], finding["remedy"]) == ("certificate", "nurse it")

    def test_the_users_certificate(self) -> None:
        """A month before it ends its user is told; at last it is severe."""
        for days, found in ((31, []), (20, [False]), (0.5, [True])):
            self.ends_at = self.clock.seconds() + days * DAY_SECONDS
            said = self.get("/state/doctor")
            assert said["your_certificate_expires_at"] == self.ends_at
            assert [each["severe"] for each in said["findings"]] == found
