"""A node in memory with a container of Docker's that is to be adopted, and what may befall it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from pyrsistent import pmap

from flocker_lite.model import adoption_edits, moves
from flocker_lite.model.adoption import Adopting
from flocker_lite.model.records import (
    Container,
    Dataset,
    Edit,
    HealthCheck,
    Port,
    Volume,
)
from flocker_lite.model.state import ContainerState
from tests.convergence.takeover import CHECK, PATH, PORT, D, Takeover

MOVE = "adoption-1"
ARGUMENTS = {
    "Image": "redis:latest",
    "Cmd": ["redis-server"],
    "HostConfig": {
        "Binds": ["pgdata:/data"],
        "PortBindings": {"6379/tcp": [{"HostPort": "7000"}]},
        "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
    },
}


class Adopted(Takeover):
    """`pg` runs under Docker alone, and becomes ours."""

    def __init__(self, check: HealthCheck | None = CHECK) -> None:
        super().__init__(MOVE)
        self.node.foreign.run("pg", ARGUMENTS)
        self.instance = str(self.node.foreign.made["pg"]["Id"])
        self.container = Container(
            "pg",
            self.node.address,
            "redis:latest",
            ports=(Port(6379, 7000),),
            volumes=(Volume(D, "/data"),),
            health_check=check,
        )
        self.write()
        self.cluster.start()

    def begin(self, **paths: str) -> Edit:
        """Have it adopted."""
        adopting = Adopting(self.instance, pmap({self.dataset_id: PATH, **paths}))
        made = (Dataset(self.dataset_id, self.node.address),)
        now = self.cluster.clock.seconds()
        return self.cluster.edit(
            lambda before: adoption_edits.begin(
                before, self.move_id, now, adopting, made, self.container
            )
        )

    def write(self) -> None:
        """A client writes to whoever serves it."""
        text = f"text {len(self.acknowledged)}"
        if self.plain_runs:
            self.node.foreign.write(self.instance, text)
            self.acknowledged.append(text)
        elif self.serves:
            self.node.write("pg", text)
            self.acknowledged.append(text)

    @property
    def plain_runs(self) -> bool:
        """Whether the container of Docker's runs."""
        found = [each for each in self.node.foreign.made.values() if each["Id"] == self.instance]
        return bool(found) and bool(found[0]["State"]["Running"])

    @property
    def serves(self) -> bool:
        """Whether clients reach ours: the kernel leads their connections nowhere else."""
        return self.ours_runs and self.node.routing.goes_to(PORT) is None

    def old_is_as_it_was(self) -> bool:
        """Whether the container of Docker's has its name and its restart policy, and runs."""
        details = self.node.foreign.made.get("pg")
        if details is None or details["Id"] != self.instance:
            return False
        return (
            self.plain_runs and details["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        )

    def assert_right(self) -> None:
        """One of the two runs, with all that was acknowledged; the rest is as it should be."""
        past = self.past_move
        assert past is not None
        assert self.kept == self.acknowledged
        assert not self.node.adoption_notes.notes
        if past.verdict == moves.DONE:
            assert self.serves, past
            assert not self.plain_runs, past
            return
        assert self.old_is_as_it_was(), past
        assert not self.ours_runs
        assert "pg" not in self.configuration.containers
        assert "pg" not in self.node.containers.made
        assert self.configuration.datasets[self.dataset_id].deleted
        assert self.dataset_id not in self.node.storage.copies
        assert self.node.routing.goes_to(PORT) is None

    def again(self) -> None:
        """A user asks for another adoption of the same container."""
        number = int(self.move_id.removeprefix("adoption-")) + 1
        self.move_id, self.dataset_id = f"adoption-{number}", str(UUID(int=77 + number, version=4))
        volumes = (Volume(self.dataset_id, "/data"),)
        self.container = replace(self.container, volumes=volumes)
        self.begin()

    def shown(self) -> str:
        """The error that the control service shows of the open adoption; "" when there is none."""
        assert self.cluster.control is not None
        (progress,) = self.cluster.control.progress_of(self.move_id)
        return progress.error or ""

    def state(self) -> ContainerState:
        """What the control service knows of our container."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.node.node_id].containers["pg"]

    def start_old(self) -> None:
        """`docker start` of the old container, under whatever name."""
        self.node.foreign.start_by_hand(self.instance)
        self.write()

    def put(self, text: str) -> None:
        """Somebody writes into the directory of the old container."""
        texts = self.node.foreign.texts
        texts[PATH] = (*texts[PATH], text)
