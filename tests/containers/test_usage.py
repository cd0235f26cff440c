"""What containers use, by Docker's stats and in memory."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyrsistent import PMap
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.containers import translate
from flocker_lite.containers.usage import BETWEEN_SAMPLES_SECONDS, DockerUsage, usage_of
from flocker_lite.errors import DockerAway
from flocker_lite.model import codec
from flocker_lite.model.records import Container
from flocker_lite.model.usage import ContainerUsage
from tests.containers.fake_engine import Answer, FakeEngine, Request
from tests.containers.leaked_sockets import collect

SECOND = 10**9


def sample(second: int, cpu_seconds: float = 0.0, **more: Any) -> dict[str, Any]:
    """What Docker says at that second of a machine with two CPUs."""
    return {
        "cpu_stats": {
            "cpu_usage": {"total_usage": int(cpu_seconds * SECOND)},
            "system_cpu_usage": second * 2 * SECOND,
            "online_cpus": 2,
        },
        "memory_stats": {"usage": 1000, "limit": 2**63 - 4096, "stats": {"inactive_file": 400}},
        **more,
    }


def labels(name: str) -> dict[str, str]:
    """Those of a container of ours."""
    container = Container(name, "node", "image")
    return {translate.MANAGED_LABEL: "1", translate.CONFIGURATION_LABEL: codec.dumps(container)}


NETWORKS = {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}}
BLKIO = {
    "io_service_bytes_recursive": [
        {"op": "read", "value": 5},
        {"op": "Write", "value": 7},
        {"op": "write", "value": 1},
    ]
}


class SampleTests(SynchronousTestCase):
    """What two samples mean."""

    def test_cpu(self) -> None:
        """Half of the time of both CPUs is one CPU."""
        assert usage_of(sample(10, 1.0), sample(12, 3.0)).cpu_share == 1.0
        assert usage_of(sample(10, 3.0), sample(12, 3.0)).cpu_share == 0.0

    def test_no_cpu(self) -> None:
        """With one sample, or two of the same instant, nobody can tell."""
        assert usage_of(None, sample(12)).cpu_share is None
        assert usage_of(sample(12), sample(12)).cpu_share is None

    def test_memory(self) -> None:
        """What the kernel only caches is not counted; a limit that is none is none."""
        found = usage_of(None, sample(1))
        assert (found.memory_bytes, found.memory_limit_bytes) == (600, None)
        limited = {"usage": 1000, "limit": 4096, "stats": {"total_inactive_file": 1}}
        found = usage_of(None, sample(1, memory_stats=limited))
        assert (found.memory_bytes, found.memory_limit_bytes) == (999, 4096)

    def test_bytes(self) -> None:
        """All networks and all disks are added up."""
        found = usage_of(None, sample(1, networks=NETWORKS, blkio_stats=BLKIO))
        assert (found.received_bytes, found.sent_bytes) == (11, 22)
        assert (found.read_bytes, found.written_bytes) == (5, 8)

    def test_nothing(self) -> None:
        """An engine that knows less is understood."""
        nothing = {"blkio_stats": {"io_service_bytes_recursive": None}, "memory_stats": {}}
        assert usage_of(nothing, nothing) == ContainerUsage(None, None, None, 0, 0, 0, 0)


class DockerUsageTests(SynchronousTestCase):
    """An engine with a container that runs, and one that ends meanwhile."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.addCleanup(collect)
        self.clock = Clock()
        self.seconds = 0
        self.gone: set[str] = set()

    def engine(self, api_version: str = "1.41") -> FakeEngine:
        """Docker, of this version."""
        found = FakeEngine(self.directory, self.answer, api_version)
        self.addCleanup(found.close)
        return found

    def answer(self, request: Request) -> Answer:
        """What Docker says; its clock goes on with each question."""
        if request.path == "/containers/json":
            named = {"1": "web", "2": "db"}
            return Answer(body=[{"Id": key, "Labels": labels(name)} for key, name in named.items()])
        container_id = request.path.split("/")[2]
        if container_id in self.gone:
            return Answer(404, {"message": "there is none"})
        self.seconds += 1
        return Answer(body=sample(self.seconds, self.seconds / 2))

    def measure(self) -> Deferred[PMap[str, ContainerUsage]]:
        """Begin to measure."""
        usage = DockerUsage(
            lambda function, *arguments: succeed(function(*arguments)),
            self.clock,
            "/docker.sock",
            self.directory,
        )
        return Deferred.fromCoroutine(usage.measure())

    def test_two_samples(self) -> None:
        """A moment apart, each without waiting for another one."""
        engine = self.engine()
        measuring = self.measure()
        self.assertNoResult(measuring)
        self.clock.advance(BETWEEN_SAMPLES_SECONDS)
        found = self.successResultOf(measuring)
        assert {name: each.cpu_share for name, each in found.items()} == {"web": 0.5, "db": 0.5}
        asked = [each for each in engine.asked if each.path.endswith("/stats")]
        assert len(asked) == 4
        assert all("one-shot=True" in each.query for each in asked)

    def test_an_older_docker(self) -> None:
        """Is not asked for what it does not know."""
        engine = self.engine("1.40")
        measuring = self.measure()
        self.clock.advance(BETWEEN_SAMPLES_SECONDS)
        found = self.successResultOf(measuring)
        assert set(found) == {"web", "db"}
        assert not any("one-shot" in each.query for each in engine.asked)

    def test_one_ends_meanwhile(self) -> None:
        """It is left out."""
        self.engine()
        measuring = self.measure()
        self.gone.add("2")
        self.clock.advance(BETWEEN_SAMPLES_SECONDS)
        found = self.successResultOf(measuring)
        assert set(found) == {"web"}

    def test_no_docker(self) -> None:
        """That Docker is away is an error that says so."""
        self.failureResultOf(self.measure(), DockerAway)
