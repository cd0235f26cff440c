"""A node in memory with a container of ours that is to be released, and what may befall it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyrsistent import pmap

from flocker_lite.model import edits, moves, release_edits
from flocker_lite.model.editing import edited
from flocker_lite.model.records import (
    Change,
    Container,
    Dataset,
    Edit,
    HealthCheck,
    Port,
    RestartPolicy,
    Volume,
)
from flocker_lite.model.releasing import Releasing
from tests.convergence.takeover import CHECK, PORT, D, Takeover

MOVE = "release-1"
IMAGE = "redis:latest"
ALWAYS = RestartPolicy("always")


class Released(Takeover):
    """`pg` is ours, and becomes Docker's alone."""

    rest_seconds = 5.0

    def __init__(self, check: HealthCheck | None = CHECK, policy: RestartPolicy = ALWAYS) -> None:
        super().__init__(MOVE)
        self.container = Container(
            "pg",
            self.node.node_id,
            IMAGE,
            ports=(Port(6379, PORT),),
            volumes=(Volume(D, "/data"),),
            health_check=check,
            restart_policy=policy,
        )
        self.cluster.start()
        made = Dataset(D, self.node.node_id)
        self.cluster.edit(lambda before: edits.create_dataset(before, made))
        self.cluster.edit(lambda before: edits.create_container(before, self.container))
        self.cluster.run(3.0)
        self.write()
        assert self.acknowledged

    def begin(self) -> Edit:
        """Have it released."""
        releasing = Releasing("pg", pmap({D: "pgdata"}))
        now = self.cluster.clock.seconds()
        return self.cluster.edit(
            lambda before: release_edits.begin(before, self.move_id, now, "pg", releasing)
        )

    def again(self) -> None:
        """A user asks for another release."""
        number = int(self.move_id.removeprefix("release-")) + 1
        self.move_id = f"release-{number}"
        self.begin()

    @property
    def plain(self) -> Mapping[str, Any] | None:
        """The plain container, under whatever name; None when there is none."""
        return next(iter(self.node.foreign.made.values()), None)

    @property
    def plain_runs(self) -> bool:
        """Whether the plain container has processes."""
        return self.plain is not None and bool(self.plain["State"]["Running"])

    @property
    def is_reached(self) -> bool:
        """Whether clients reach what runs on the node: they wait nowhere."""
        return self.node.routing.goes_to(PORT) is None

    def write(self) -> None:
        """A client writes to whoever serves it."""
        text = f"text {len(self.acknowledged)}"
        if not self.is_reached:
            return
        if self.plain_runs and self.plain is not None:
            self.node.foreign.write(self.plain["Id"], text)
            self.acknowledged.append(text)
        elif self.ours_runs:
            self.node.write("pg", text)
            self.acknowledged.append(text)

    def assert_right(self) -> None:
        """One of the two runs, with all that was acknowledged; the rest is as it should be."""
        past = self.past_move
        assert past is not None
        assert self.kept == self.acknowledged
        assert not self.node.adoption_notes.notes
        assert not self.configuration.datasets[D].deleted
        assert D in self.node.storage.copies
        assert self.is_reached
        if past.verdict == moves.DONE:
            assert self.plain_runs, past
            assert self.node.foreign.made.keys() == {"pg"}
            assert not self.ours_runs, past
            assert "pg" not in self.configuration.containers
            assert "pg" not in self.node.containers.made
            policy = self.node.foreign.made["pg"]["HostConfig"]["RestartPolicy"]["Name"]
            assert policy.replace("no", "never") == self.container.restart_policy.name
            return
        assert self.ours_runs, past
        assert not self.node.foreign.made
        assert not self.node.foreign.volumes
        assert self.configuration.containers["pg"] == self.container

    def shown(self) -> str:
        """The error that the control service shows of the open release; "" when there is none."""
        assert self.cluster.control is not None
        return "; ".join(
            each.error or "" for each in self.cluster.control.progress_of(self.move_id)
        )

    def change(self, **fields: Any) -> None:
        """A user configures the container otherwise."""
        changed = replace(self.configuration.containers["pg"], **fields)
        self.cluster.edit(lambda before: edited(before, [Change("containers", "pg", changed)]))
