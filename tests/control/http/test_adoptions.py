"""POST /v1/configuration/adoptions: what a container of Docker's would become."""

from __future__ import annotations

import json
from typing import Any

from pyrsistent import pmap
from twisted.web.resource import IResource

from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.model.adoption import Adoption
from flocker_lite.model.records import NodeId
from flocker_lite.protocol.adoptions import (
    AdoptionForbidden,
    AdoptionUnknown,
    NoSuchContainer,
    TooManyAdoptions,
)
from flocker_lite.testing.made_up_inspect import inspected, made_up_image
from tests.control.http.cluster import ADDRESS_1, NODE_1, Reply, RESTTestCase

PATH = "/configuration/adoptions"
POSTGRES: dict[str, Any] = {
    "Image": "postgres:16",
    "Hostname": "pg",
    "Env": ["POSTGRES_PASSWORD=hunter2"],
    "HostConfig": {
        "Binds": ["pgdata:/var/lib/postgresql/data"],
        "PortBindings": {"5432/tcp": [{"HostPort": "5432"}]},
        "RestartPolicy": {"Name": "always"},
    },
}
IMAGE = made_up_image({"Cmd": ["postgres"]}, "postgres:16")


class AdoptionsTestCase(RESTTestCase):
    """The agent of the first node answers with `found`, or raises it; `asked` has the questions."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[tuple[NodeId, str, str | None]] = []
        self.finds(POSTGRES)
        self.control.adoption = self.described  # type: ignore[method-assign]

    def finds(self, arguments: dict[str, Any]) -> None:
        """The agent finds a container that was created with these arguments."""
        details = inspected("pg", arguments, IMAGE)
        self.found: Adoption | Exception = adoption(Inspected(details, IMAGE))

    async def described(self, node_id: NodeId, container: str, name: str | None) -> Adoption:
        """What the control service does."""
        self.asked.append((node_id, container, name))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def ask(self, query: str = "?dry_run=1", **more: str) -> Reply:
        """Ask what `pg` would become."""
        return self.post(f"{PATH}{query}", {"host": ADDRESS_1, "container": "pg", **more})

    def adopted(self) -> Any:
        """The answer, which must be one."""
        reply = self.ask()
        assert reply.status == 200, reply.content
        return reply.body


class AdoptionsTests(AdoptionsTestCase):
    def test_dry_run(self) -> None:
        """The request that creates it, its volumes, and nothing that is in the way."""
        found = self.adopted()
        assert found["container"] == {
            "host": ADDRESS_1,
            "name": "pg",
            "image": "postgres:16",
            "environment": {"POSTGRES_PASSWORD": "hunter2"},
            "ports": [{"internal": 5432, "external": 5432}],
            "volumes": [{"dataset": "pgdata", "mountpoint": "/var/lib/postgresql/data"}],
            "restart_policy": {"name": "always"},
        }
        assert found["volumes"] == [
            {
                "source": "pgdata",
                "mountpoint": "/var/lib/postgresql/data",
                "kind": "volume",
                "take": True,
                "why": "a volume",
                "path": "/var/lib/docker/volumes/pgdata/_data",
                "dataset": "pgdata",
                "size_bytes": None,
            }
        ]
        assert (found["hindrances"], found["not_kept"], found["dry_run"]) == ([], [], True)
        assert self.asked == [(NODE_1, "pg", None)]
        assert self.get("/configuration/datasets") == self.get("/configuration/containers") == []

    def test_what_it_says_can_be_done(self) -> None:
        """Once the dataset is there, the container in the answer is a request that is taken."""
        container = self.adopted()["container"]
        dataset = {"primary": ADDRESS_1, "metadata": {"name": "pgdata"}}
        made = self.created("/configuration/datasets", dataset)
        stored = self.created("/configuration/containers", container)
        assert stored["volumes"][0]["dataset_id"] == made["dataset_id"]

    def test_name(self) -> None:
        """The agent is told what it is to be called; a node may be named by its UUID."""
        assert self.ask(name="shop-db", host=NODE_1).status == 200
        assert self.asked == [(NODE_1, "pg", "shop-db")]

    def test_only_dry_runs(self) -> None:
        """Without it, it is said what this release can do; nobody is asked."""
        for query in ("", "?dry_run=0"):
            reply = self.ask(query)
            assert reply.status == 501
            assert "only shows what an adoption would be" in reply.body["description"]
            assert reply.body["problems"][0]["path"] == "?dry_run"
        assert not self.asked

    def test_bad_requests(self) -> None:
        """The schema says what is wrong; a node that nobody knows is none."""
        for body in ({}, {"host": ADDRESS_1}, {"host": ADDRESS_1, "container": "../x"}):
            assert self.post(f"{PATH}?dry_run=1", body).status == 400
        assert self.ask(host="10.77.0.99").status == 400
        assert self.ask("?dryrun=1").status == 400
        assert not self.asked

    def test_refusals(self) -> None:
        """What the agent cannot say has the status that fits."""
        for error, status in (
            (NoSuchContainer("Container not found."), 404),
            (AdoptionForbidden("That node lets nobody see."), 409),
            (AdoptionUnknown("Too old."), 501),
            (TooManyAdoptions("Ask again."), 503),
        ):
            self.found = error
            self.assert_refused(self.ask(), status, str(error))

    def test_away(self) -> None:
        """Without its agent nothing is known."""
        del self.control.adoption
        reply = self.ask()
        assert reply.status == 503
        assert "away" in reply.body["description"]

    def test_in_the_way_of_the_configuration(self) -> None:
        """What the configuration would refuse is a hindrance, in its words."""
        body = {"host": ADDRESS_1, "name": "web", "image": "nginx"}
        self.created("/configuration/containers", {**body, "ports": ["5432:80"]})
        (remark,) = self.adopted()["hindrances"]
        assert "external port" in remark["message"]
        self.created("/configuration/containers", {**body, "name": "pg"})
        (remark,) = self.adopted()["hindrances"]
        assert remark["field"] == "name"
        assert "already exists" in remark["message"]

    def test_what_the_node_does_not_allow(self) -> None:
        """The line to write is said, as it is when a container is created."""
        self.finds({**POSTGRES, "HostConfig": {"Privileged": True}})
        (remark,) = self.adopted()["hindrances"]
        assert "write `allow: [privileged]` into" in remark["message"]
        self.allow("privileged")
        assert self.adopted()["hindrances"] == []

    def test_names_of_datasets(self) -> None:
        """A name that a dataset has already is not used twice: a request could not say which."""
        dataset = {"primary": ADDRESS_1, "metadata": {"name": "pgdata"}}
        self.created("/configuration/datasets", dataset)
        found = self.adopted()
        assert found["container"]["volumes"][0]["dataset"] == "pgdata-2"
        assert found["volumes"][0]["dataset"] == "pgdata-2"
        assert found["hindrances"] == []

    def test_fields_that_cannot_be_asked_for(self) -> None:
        """What Docker takes and a request here does not is left out, with the reason."""
        self.finds({**POSTGRES, "HostConfig": {"CpuShares": 5000, "Sysctls": {"vm.x": "1"}}})
        found = self.adopted()
        assert not {"cpu_shares", "sysctls"} & found["container"].keys()
        assert {remark["field"] for remark in found["not_kept"]} == {"cpu_shares", "sysctls"}
        assert found["hindrances"] == []

    def test_fields_that_it_needs(self) -> None:
        """A variable that no request can have makes it another container, so it is in the way."""
        self.finds({**POSTGRES, "Env": [f"LONG={'x' * 200_000}"]})
        found = self.adopted()
        assert [remark["field"] for remark in found["hindrances"]] == ["environment"]
        assert "environment" not in found["container"]

    def test_a_bad_agent(self) -> None:
        """Whatever an agent says, the answer is one."""
        lies: list[dict[str, Any]] = [
            {},
            {"volumes": [{}]},
            {"name": 5, "volumes": 7, "junk": {"x": []}},
        ]
        for fields in lies:
            self.found = Adoption(pmap(fields))
            found = self.adopted()
            assert found["hindrances"]
            json.dumps(found)


class ReadOnlyTests(AdoptionsTestCase):
    """A user who may only read."""

    def resource(self) -> IResource:
        return self.api(may_write=lambda request: False).resource()

    def test_dry_run(self) -> None:
        """The variables of others' containers are not for him, unlike the forecast of a move."""
        reply = self.ask()
        assert reply.status == 403
        assert not self.asked
