"""POST /v1/configuration/adoptions: what a container of Docker's would become."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.web.resource import IResource

from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.model.adoption import (
    COPIED,
    COPYING,
    RETURNED,
    STOPPED,
    VOLUME,
    Adoption,
    AdoptionState,
    Remark,
    Source,
)
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeState
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
FILES = "/var/lib/docker/volumes/files/_data"
VOLUME_ALONE = Adoption(
    sources=(Source("files", "", VOLUME, True, "a volume", FILES, "files", size_bytes=7),)
)


class AdoptionsTestCase(RESTTestCase):
    """The agent of the first node answers with `found`, or raises it; `asked` has the questions."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[tuple[NodeId, str, str | None]] = []
        self.kinds: list[str] = []
        self.finds(POSTGRES)
        self.control.adoption = self.described  # type: ignore[method-assign]

    def finds(self, arguments: dict[str, Any]) -> None:
        """The agent finds a container that was created with these arguments."""
        details = inspected("pg", arguments, IMAGE)
        self.found: Adoption | Exception = adoption(Inspected(details, IMAGE))

    async def described(
        self, node_id: NodeId, container: str, name: str | None, kind: str = "container"
    ) -> Adoption:
        """What the control service does."""
        self.asked.append((node_id, container, name))
        self.kinds.append(kind)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def ask(self, query: str = "?dry_run=1", **more: Any) -> Reply:
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

    def test_begins(self) -> None:
        """One edit makes the datasets, the container and the move; its agent is told where from."""
        reply = self.ask("", move={"max_pause_seconds": 2})
        assert reply.status == 201, reply.content
        configuration = self.control.configuration
        move = configuration.moves[reply.body["move_id"]]
        (dataset_id,) = move.dataset_ids
        assert move.adoption is not None
        assert move.adoption.instance == inspected("pg", POSTGRES, IMAGE)["Id"]
        assert move.adoption.paths == {dataset_id: "/var/lib/docker/volumes/pgdata/_data"}
        assert (move.source, move.destination, move.container) == (NODE_1, NODE_1, "pg")
        assert move.options.max_pause_seconds == 2
        stored = self.get("/configuration/containers")
        assert stored == [reply.body["container"]]
        assert stored[0]["volumes"][0]["dataset_id"] == dataset_id
        (shown,) = self.get("/state/moves")
        assert shown["kind"] == "adoption"
        assert shown["phase"] == "preparing"
        assert shown["from"] == shown["to"] == ADDRESS_1

    def test_hindrances(self) -> None:
        """What is in the way is a refusal that names it, and nothing is made."""
        self.finds({**POSTGRES, "HostConfig": {"AutoRemove": True}})
        reply = self.ask("")
        assert reply.status == 409
        assert "--rm: " in reply.body["problems"][0]["message"]
        assert self.get("/configuration/datasets") == self.get("/configuration/containers") == []

    def test_old_agents(self) -> None:
        """An agent that does not say which container it found can adopt none."""
        assert isinstance(self.found, Adoption)
        self.found = replace(self.found, instance="")
        said = "The agent of that node is too old to adopt containers: upgrade it."
        self.assert_refused(self.ask(""), 501, said)

    def test_condition(self) -> None:
        """A condition that does not hold leaves everything as it was."""
        body = {"host": ADDRESS_1, "container": "pg"}
        reply = self.post(PATH, body, headers={"X-If-Configuration-Matches": "other"})
        assert reply.status == 412
        assert self.get("/configuration/containers") == []

    def test_cancel(self) -> None:
        """It is for the node to say that it was in time; until then the adoption is open."""
        move_id = self.ask("").body["move_id"]
        reply = self.delete(f"/state/moves/{move_id}")
        assert reply.status == 202
        assert (reply.body["cancelling"], reply.body["phase"]) == (True, "preparing")
        step = AdoptionState(move_id, RETURNED, "it was cancelled")
        self.control.report(NODE_1, NodeState(adoptions=pmap({"pg": step})))
        shown = self.get(f"/state/moves/{move_id}")
        assert shown["phase"] == "cancelled"
        assert self.get("/configuration/containers") == []
        (dataset,) = self.get("/configuration/datasets")
        assert dataset["deleted"]
        assert self.delete(f"/state/moves/{move_id}").status == 409

    def test_shown_by_its_step(self) -> None:
        """After a restart of its agent the step that is written down is shown."""
        move_id = self.ask("").body["move_id"]
        for step, phase in ((COPYING, "pushing"), (STOPPED, "switching"), (COPIED, "verifying")):
            state = AdoptionState(move_id, step, "cut off")
            self.control.report(NODE_1, NodeState(adoptions=pmap({"pg": state})))
            shown = self.get(f"/state/moves/{move_id}")
            assert (shown["phase"], shown["error"]) == (phase, "cut off")

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


class LeftTests(AdoptionsTestCase):
    """A container with two volumes, of which one is left where it is."""

    def setUp(self) -> None:
        super().setUp()
        binds = ["pgdata:/var/lib/postgresql/data", "cache:/cache"]
        self.finds({**POSTGRES, "HostConfig": {"Binds": binds}})

    def test_left(self) -> None:
        """No dataset is made for it, and what is lacking is said."""
        body = self.ask(leave=["cache"]).body
        taken = {each["source"]: each["take"] for each in body["volumes"]}
        assert taken == {"pgdata": True, "cache": False}
        assert [each["dataset"] for each in body["container"]["volumes"]] == ["pgdata"]
        assert any("cache at /cache: you leave it" in each["message"] for each in body["not_kept"])
        begun = self.ask("", leave=["cache"])
        assert begun.status == 201
        move = self.control.configuration.moves[begun.body["move_id"]]
        assert len(move.dataset_ids) == 1

    def test_all(self) -> None:
        """Without any data it is adopted as it is."""
        assert self.ask("", leave=["cache", "pgdata"]).status == 201
        assert not self.control.configuration.datasets

    def test_no_such_data(self) -> None:
        """A name that it has not is not found; the error says what it has."""
        reply = self.ask(leave=["cahce"])
        assert reply.status == 404
        assert "no data of the name cahce" in reply.body["description"]
        assert "cache, pgdata" in str(reply.body["problems"])


class DataTests(AdoptionsTestCase):
    """The agent of the first node knows a volume that no container has."""

    def setUp(self) -> None:
        super().setUp()
        self.found = VOLUME_ALONE

    def adopt_data(self, query: str = "", **body: Any) -> Reply:
        """Ask for it."""
        return self.post(f"{PATH}{query}", {"host": ADDRESS_1, **(body or {"volume": "files"})})

    def test_dry_run(self) -> None:
        """What there is, and what it would be called; nothing is made."""
        reply = self.adopt_data("?dry_run=1")
        (mounted,) = reply.body["volumes"]
        assert (mounted["dataset"], mounted["path"], mounted["size_bytes"]) == ("files", FILES, 7)
        assert (reply.body["hindrances"], "container" in reply.body) == ([], False)
        assert not self.control.configuration.datasets

    def test_begun(self) -> None:
        """A dataset and a move of the kind adoption; another one gets another name."""
        reply = self.adopt_data()
        assert reply.status == 201
        dataset = reply.body["dataset"]
        assert (dataset["metadata"], dataset["primary"]) == ({"name": "files"}, ADDRESS_1)
        move = self.get(f"/state/moves/{reply.body['move_id']}")
        assert (move["kind"], move["from"], move["to"]) == ("adoption", ADDRESS_1, ADDRESS_1)
        assert self.adopt_data().body["dataset"]["metadata"] == {"name": "files-2"}
        named = self.adopt_data(directory="/srv/x", name="pages")
        assert named.body["dataset"]["metadata"] == {"name": "pages"}
        assert self.kinds == ["volume", "volume", "bind"]

    def test_hindered(self) -> None:
        """What is in the way is said, and nothing is made."""
        self.found = replace(VOLUME_ALONE, hindrances=(Remark("volume", "db runs with it"),))
        reply = self.adopt_data()
        assert reply.status == 409
        assert reply.body["problems"] == [{"message": "volume: db runs with it"}]
        assert self.adopt_data("?dry_run=1").body["hindrances"] != []
        assert not self.control.configuration.datasets

    def test_too_old(self) -> None:
        """An older agent answers about a container of that name."""
        self.finds(POSTGRES)
        assert self.adopt_data().status == 501

    def test_one_thing(self) -> None:
        """One thing at a time, and something."""
        for body in ({"container": "a", "volume": "b"}, {"name": "x"}):
            reply = self.adopt_data(**body)
            assert reply.status == 400
            assert (
                "one of container, volume, directory and filesystem"
                in reply.body["problems"][0]["message"]
            )
        for wrong in ({"volume": "../x"}, {"directory": "srv"}):
            assert self.adopt_data(**wrong).status == 400, wrong
