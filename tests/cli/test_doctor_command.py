"""`flockerctl doctor` says what is wrong, and what to do about it."""

from __future__ import annotations

import json
import re
import time

from pyrsistent import pmap

from flocker_lite.model.diagnosis import Diagnosis, Finding
from flocker_lite.model.machine import Machine
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeState
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2

FULL = Finding("pool", "the pool is nearly full", "add disks", severe=False)
AWAY = Finding("docker", "Docker is away", "start it")


class DoctorTests(CLITestCase):
    """Two nodes, whose agents say what a test wants."""

    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(time.time() - self.clock.seconds())
        self.findings: dict[NodeId, tuple[Finding, ...]] = {}

        async def diagnosis(node_id: NodeId) -> Diagnosis:
            facts = pmap({"pool": "ONLINE", "docker": "24.0.7"})
            return Diagnosis(facts, self.findings.get(node_id, ()), self.clock.seconds())

        self.control.diagnosis = diagnosis  # type: ignore[method-assign]

    def test_all_is_well(self) -> None:
        """It says what it looked at, and succeeds."""
        self.both_report()
        lines = self.answer("doctor").splitlines()
        assert lines[0] == "control service"
        assert f"node {ADDRESS_1}: docker 24.0.7; pool ONLINE" in lines
        assert lines[-1] == "all is well"

    def test_something_is_wrong(self) -> None:
        """It fails; each finding has its remedy, the severe ones a mark of their own."""
        self.both_report()
        self.findings[NODE_2] = (FULL, AWAY)
        result = self.run_command("doctor")
        assert result.exit_code == 1
        lines = result.output.splitlines()
        at = lines.index(f"node {ADDRESS_2}: docker 24.0.7; pool ONLINE")
        assert lines[at + 1 :] == [
            "  ! docker: Docker is away",
            "      do: start it",
            "  - pool: the pool is nearly full",
            "      do: add disks",
            "1 severe findings, 1 hints",
        ]

    def test_hints(self) -> None:
        """Alone are no failure."""
        self.both_report()
        self.findings[NODE_1] = (FULL,)
        assert "0 severe findings, 1 hints" in self.answer("doctor")

    def test_one_node(self) -> None:
        """Only that is examined, and the control service is not."""
        self.both_report()
        self.findings[NODE_2] = (AWAY,)
        said = self.answer("doctor", ADDRESS_1)
        assert "control service" not in said
        assert ADDRESS_2 not in said
        assert self.run_command("doctor", ADDRESS_2).exit_code == 1
        assert self.run_command("doctor", "10.9.9.9").exit_code == 1

    def test_for_programs(self) -> None:
        """The objects of the API, each with what it is about; or the names with findings."""
        self.both_report()
        self.findings[NODE_2] = (AWAY,)
        result = self.run_command("doctor", "-o", "json")
        assert result.exit_code == 1
        told = {each["about"]: each for each in json.loads(result.output)}
        assert set(told) == {"control service", f"node {ADDRESS_1}", f"node {ADDRESS_2}"}
        assert told[f"node {ADDRESS_2}"]["findings"][0]["remedy"] == "start it"
        assert self.run_command("doctor", "-q").output.split("\n")[0] == f"node {ADDRESS_2}"

    def test_clocks(self) -> None:
        """The control service's clock is compared with that of this machine."""
        self.both_report()
        self.clock.advance(3600)
        # This machine's clock has gone on since the control service's was set by it.
        assert re.search(r"its clock is 3[56]\d\d(\.\d+)? s", self.answer("doctor"))

    def test_releases_that_differ(self) -> None:
        """Are said once, of the cluster."""
        for node_id, release in ((NODE_1, "1.0"), (NODE_2, "1.1")):
            machine = pmap({"machine": Machine(release, storage="zfs")})
            self.control.report(node_id, NodeState(machine=machine))
        assert "the agents are of different releases: 1.0, 1.1" in self.answer("doctor")

    def test_an_older_control_service(self) -> None:
        """What it reports is examined, and that it is old is a hint."""
        self.control.report(NODE_1, NodeState())
        self.unknown_paths = ("/doctor",)
        self.created(
            "/configuration/containers", {"host": ADDRESS_2, "name": "web", "image": "nginx"}
        )
        self.clock.advance(60)
        result = self.run_command("doctor")
        assert result.exit_code == 1
        assert "is too old to be examined" in result.output
        assert f"node {ADDRESS_2}" in result.output
        assert "its agent is not connected" in result.output
