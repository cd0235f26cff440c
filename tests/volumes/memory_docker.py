"""Docker with our volume driver on a node of a cluster in memory, as Docker speaks to it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from flocker_lite.agent.volumes import AgentVolumes
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode
from flocker_lite.volumes.driver import VolumeDriver
from flocker_lite.volumes.messages import Asked


class MemoryDocker:
    """A node's Docker; its agent is served from `start` on."""

    def __init__(self, cluster: MemoryCluster, node: MemoryNode) -> None:
        self.cluster = cluster
        self.node = node
        self.start()

    def start(self) -> None:
        """The agent has started."""
        assert self.node.agent is not None
        assert self.node.agent_context is not None
        self.volumes = AgentVolumes(self.node.agent, self.node.agent_context)
        self.volumes.startService()
        self.driver = VolumeDriver(self.volumes, self.node.volume_records, self.cluster.clock)

    def restart_agent(self, reboots: bool = False) -> None:
        """The agent is killed, and starts again; or so does the whole machine."""
        self.volumes.stopService()
        self.cluster.stop_agent(self.node)
        if reboots:
            self.node.foreign.restart_docker()
            self.node.volume_records.awaited = {}
            for dataset_id in self.node.storage.copies:
                self.node.storage.unmount_by_hand(dataset_id)
        self.cluster.start_agent(self.node)
        self.start()

    def begin(
        self, call: str, name: str = "db", /, *, mount_id: str = "", **options: str
    ) -> Deferred[Any]:
        """Ask the driver."""
        asked = Asked(name, mount_id, options)
        return Deferred.fromCoroutine(self.driver.answer(f"/VolumeDriver.{call}", asked))

    def call(
        self,
        call: str,
        name: str = "db",
        /,
        *,
        mount_id: str = "",
        seconds: float = 30.0,
        **options: str,
    ) -> Any:
        """What the driver answers within so many seconds; AssertionError when nothing."""
        answers: list[Any] = []
        self.begin(call, name, mount_id=mount_id, **options).addBoth(answers.append)
        ends = self.cluster.clock.seconds() + seconds
        self.cluster.deliver()
        while not answers:
            assert self.cluster.clock.seconds() < ends, f"no answer to {call}"
            self.cluster.run(0.05)
        return answers[0]

    def create(self, name: str = "db", /, **options: Any) -> None:
        """`docker volume create`, which succeeds."""
        assert self.call("Create", name, **options) == {"Err": ""}

    def error(self, *arguments: Any, **options: Any) -> str:
        """Why a call fails."""
        answer = self.call(*arguments, **options)
        assert answer["Err"]
        return str(answer["Err"])

    def run(self, name: str, volume: str = "db", **more: Any) -> str:
        """`docker run -d` with the volume; the path of it on the node."""
        path = self.call("Mount", volume, mount_id=f"for {name}")
        assert path["Err"] == "", path
        self.start_container(name, path["Mountpoint"], **more)
        return str(path["Mountpoint"])

    def start_container(self, name: str, path: str, **more: Any) -> None:
        """What Docker does once the volume is mounted."""
        host = {"Binds": [f"{path}:/data"], **more}
        self.node.foreign.run(name, {"Image": "redis:7", "HostConfig": host})

    async def stop(self, name: str, volume: str = "db") -> None:
        """`docker stop`."""
        await self.node.foreign.stop(self.instance(name))
        self.call("Unmount", volume, mount_id=f"for {name}")

    def instance(self, name: str) -> str:
        """The id of a container."""
        return str(self.node.foreign.made[name]["Id"])
