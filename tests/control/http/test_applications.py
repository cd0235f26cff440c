"""/v1/configuration/applications: a Compose document in, one edit out."""

from __future__ import annotations

from typing import Any

from flocker_lite.model.state import NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, Reply, RESTTestCase

APPLICATIONS = "/configuration/applications"
SHOP = f"{APPLICATIONS}/shop"
CONTAINERS = "/configuration/containers"
COMPOSE: dict[str, Any] = {
    "services": {
        "web": {"image": "nginx", "ports": ["8080:80"], "depends_on": ["db"]},
        "db": {
            "image": "postgres:16",
            "environment": {"POSTGRES_PASSWORD": "${PASSWORD:?say it}"},
            "volumes": ["data:/var/lib/postgresql/data"],
        },
    },
    "volumes": {"data": None},
}


def actions(reply: Reply) -> dict[str, str]:
    """What became of each container, by its service."""
    assert reply.status == 200, reply.content
    return {each["service"]: each["action"] for each in reply.body["containers"]}


class ApplicationsTestCase(RESTTestCase):
    """Tests of an application named shop."""

    def up(self, compose: Any = None, query: str = "", **more: Any) -> Reply:
        """POST a document, that above unless given."""
        body = {
            "name": "shop",
            "host": ADDRESS_1,
            "compose": COMPOSE if compose is None else compose,
            "variables": {"PASSWORD": "hunter2"},
            **more,
        }
        return self.post(f"{APPLICATIONS}{query}", body)

    def containers(self) -> dict[str, Any]:
        """The containers by name."""
        return {each["name"]: each for each in self.get(CONTAINERS)}

    def services(self, **changes: Any) -> Any:
        """The document above with other keys of its services; None leaves a service out."""
        found = {
            name: {**each, **(changes.get(name) or {})}
            for name, each in COMPOSE["services"].items()
            if changes.get(name, {}) is not None
        }
        more = {name: each for name, each in changes.items() if each and name not in found}
        return {**COMPOSE, "services": {**found, **more}}


class BringUpTests(ApplicationsTestCase):
    def test_created(self) -> None:
        """Containers named after application and service, in one network; volumes are datasets."""
        reply = self.up()
        assert actions(reply) == {"web": "created", "db": "created"}
        (dataset,) = self.get("/configuration/datasets")
        assert dataset["metadata"] == {
            "name": "shop_data",
            "application": "shop",
            "volume": "data",
        }
        assert dataset["primary"] == ADDRESS_1
        found = self.containers()
        assert found["shop-db"] == {
            "name": "shop-db",
            "host": ADDRESS_1,
            "image": "postgres:16",
            "application": {"name": "shop", "service": "db"},
            "environment": {"POSTGRES_PASSWORD": "hunter2"},
            "networks": {"shop": {"aliases": ["db"]}},
            "restart_policy": {"name": "never"},
            "volumes": [
                {
                    "dataset_id": dataset["dataset_id"],
                    "mountpoint": "/var/lib/postgresql/data",
                }
            ],
        }
        assert found["shop-web"]["ports"] == [{"internal": 80, "external": 8080}]
        assert found["shop-web"]["depends_on"] == {"shop-db": "started"}
        assert reply.body["notes"] == []

    def test_one_edit(self) -> None:
        """The tag changes once, and only it is asked for."""
        tag = self.request("GET", f"/v1{CONTAINERS}").headers["x-configuration-tag"]
        reply = self.up()
        now = self.request("GET", f"/v1{CONTAINERS}").headers["x-configuration-tag"]
        assert reply.headers["x-configuration-tag"] == now != tag
        assert int(now.rpartition("-")[2]) == int(tag.rpartition("-")[2]) + 1

    def test_dry_run(self) -> None:
        """Says the same, and does nothing."""
        reply = self.up(query="?dry_run=1")
        assert reply.body["dry_run"] is True
        assert actions(reply) == {"web": "created", "db": "created"}
        assert [each["action"] for each in reply.body["datasets"]] == ["created"]
        assert self.get(CONTAINERS) == self.get("/configuration/datasets") == []

    def test_again(self) -> None:
        """The same document changes nothing, not even the tag."""
        tag = self.up().headers["x-configuration-tag"]
        reply = self.up()
        assert actions(reply) == {"web": "unchanged", "db": "unchanged"}
        assert reply.headers["x-configuration-tag"] == tag
        assert [each["action"] for each in reply.body["datasets"]] == ["used"]

    def test_difference(self) -> None:
        """What is new is created, what is gone is removed, and its dataset stays."""
        self.up()
        cache = {"image": "redis:7"}
        reply = self.up(
            self.services(db=None, web={"image": "nginx:1.27", "depends_on": []}, cache=cache)
        )
        assert actions(reply) == {"web": "changed", "db": "removed", "cache": "created"}
        (dataset,) = reply.body["datasets"]
        assert (dataset["action"], dataset["name"]) == ("stays", "shop_data")
        (changed,) = [each for each in reply.body["containers"] if each["action"] == "changed"]
        assert changed["fields"] == ["image", "depends_on"]
        # It is found again by what its metadata says.
        reply = self.up()
        assert reply.body["datasets"] == [{**dataset, "action": "used"}]

    def test_left_out_is_the_default(self) -> None:
        """A key that is taken out of the document is as if it had never been there."""
        self.up(self.services(web={"user": "nginx", "stop_grace_period": "1m30s"}))
        assert self.containers()["shop-web"]["stop_timeout_seconds"] == 90
        self.up()
        assert not {"user", "stop_timeout_seconds"} & self.containers()["shop-web"].keys()

    def test_ports_change_hands(self) -> None:
        """Services may swap their ports and volumes in one edit."""
        one = {"image": "redis", "ports": ["81:81"], "volumes": ["a:/a"]}
        other = {"image": "redis", "ports": ["82:82"], "volumes": ["b:/b"]}
        volumes = {"a": None, "b": None}
        self.up({"services": {"one": one, "other": other}, "volumes": volumes})
        reply = self.up({"services": {"one": other, "other": one}, "volumes": volumes})
        assert actions(reply) == {"one": "changed", "other": "changed"}
        assert self.containers()["shop-one"]["ports"] == [{"internal": 82, "external": 82}]

    def test_renamed(self) -> None:
        """Another container_name is another container, with the same dataset."""
        self.up()
        reply = self.up(self.services(db={"container_name": "postgres"}))
        found = {each["name"]: each["action"] for each in reply.body["containers"]}
        assert found == {"shop-web": "changed", "shop-db": "removed", "postgres": "created"}
        assert [each["action"] for each in reply.body["datasets"]] == ["used"]

    def test_moved_by_its_host(self) -> None:
        """A service whose host changed moves with its data; the others stay."""
        self.up()
        reply = self.up(self.services(db={"x-flocker": {"host": ADDRESS_2}}))
        assert actions(reply) == {"web": "unchanged", "db": "moved"}
        assert "web does not wait for db" in reply.body["notes"][0]
        (moved,) = [each for each in reply.body["containers"] if each["action"] == "moved"]
        assert (moved["from"], moved["host"]) == (ADDRESS_1, ADDRESS_2)
        (dataset,) = self.get("/configuration/datasets")
        assert dataset["primary"] == ADDRESS_2

    def test_without_host(self) -> None:
        """Services stay where they are, and a new one joins them; the first time it has to be."""
        body = {"name": "shop", "compose": self.services(db=None)}
        body["compose"]["services"]["web"].pop("depends_on")
        reply = self.post(APPLICATIONS, body)
        assert reply.status == 409
        assert "service web has no host" in reply.body["problems"][0]["message"]
        self.post(APPLICATIONS, {**body, "host": ADDRESS_2})
        body["compose"]["services"]["cache"] = {"image": "redis"}
        assert actions(self.post(APPLICATIONS, body)) == {"web": "unchanged", "cache": "created"}
        assert self.containers()["shop-cache"]["host"] == ADDRESS_2

    def test_host_names(self) -> None:
        """Nodes have host names, in x-flocker as well."""
        self.hosts = {"north": (ADDRESS_1,), "south": (ADDRESS_2,)}
        self.up(self.services(db={"x-flocker": {"host": "south"}}), host="north")
        found = self.containers()
        assert (found["shop-web"]["host"], found["shop-db"]["host"]) == (ADDRESS_1, ADDRESS_2)
        reply = self.up(self.services(db={"x-flocker": {"host": "west"}}))
        assert reply.status == 400

    def test_edited_by_itself(self) -> None:
        """A member may be changed alone; it stays a member, and the document has the last word."""
        self.up()
        self.post(f"{CONTAINERS}/shop-web", {"memory_limit": "64m", "running": False})
        assert self.containers()["shop-web"]["application"]["service"] == "web"
        reply = self.up()
        assert actions(reply) == {"web": "changed", "db": "unchanged"}
        assert "memory_limit" not in self.containers()["shop-web"]

    def test_external_volume(self) -> None:
        """It is a dataset that is there already, by its name."""
        self.created("/configuration/datasets", {"primary": ADDRESS_1, "metadata": {"name": "pg"}})
        compose = {**COMPOSE, "volumes": {"data": {"external": True, "name": "pg"}}}
        reply = self.up(compose)
        assert [each["action"] for each in reply.body["datasets"]] == ["used"]
        other = {**COMPOSE, "volumes": {"data": {"external": True, "name": "gone"}}}
        assert self.up(other).status == 404


class StandbysTests(ApplicationsTestCase):
    """Services whose data other nodes have too, and that fail over by themselves."""

    def setUp(self) -> None:
        super().setUp()
        self.control.report(NODE_1, NodeState())
        self.control.report(NODE_2, NodeState())

    def db(self, **ours: Any) -> Any:
        """The document, with this `x-flocker` of its database."""
        return self.services(db={"x-flocker": ours})

    def dataset(self) -> Any:
        """The only dataset."""
        (found,) = self.get("/configuration/datasets")
        return found

    def test_created(self) -> None:
        """The dataset of its volume has the standbys; the container fails over to them."""
        ours = {"replicas": {"count": 1, "rpo_seconds": 10}, "failover": {"mode": "automatic"}}
        reply = self.up(self.db(**ours))
        assert [each["action"] for each in reply.body["datasets"]] == ["created"]
        assert self.dataset()["replicas"] == {
            "nodes": [ADDRESS_1, ADDRESS_2],
            "rpo_seconds": 10,
            "warm": False,
            "count": 1,
        }
        assert self.containers()["shop-db"]["failover"]["mode"] == "automatic"
        again = self.up(self.db(**ours), query="?dry_run=1")
        assert [each["action"] for each in again.body["datasets"]] == ["used"]
        assert {each["action"] for each in again.body["containers"]} == {"unchanged"}

    def test_changed(self) -> None:
        """Of one that is there already; without a word it keeps its standbys."""
        self.up()
        reply = self.up(self.db(replicas={"nodes": [ADDRESS_2]}))
        assert [each["action"] for each in reply.body["datasets"]] == ["replicated"]
        assert self.dataset()["replicas"]["nodes"] == [ADDRESS_2]
        self.up()
        assert self.dataset()["replicas"]["nodes"] == [ADDRESS_2]

    def test_no_longer_by_itself(self) -> None:
        """A failover that is gone from the document is gone from the container."""
        ours = {"replicas": {"nodes": [ADDRESS_2]}, "failover": {"mode": "automatic"}}
        self.up(self.db(**ours))
        self.up()
        assert "failover" not in self.containers()["shop-db"]

    def test_without_standbys(self) -> None:
        """What is to fail over by itself needs standbys; nothing is done."""
        reply = self.up(self.db(failover={"mode": "automatic"}))
        assert reply.status == 409
        assert "has no replicas" in reply.body["problems"][0]["message"]
        assert self.get(CONTAINERS) == []


class RefusedTests(ApplicationsTestCase):
    def problems(self, service: Any, **more: Any) -> dict[str, str]:
        """What is said of a document with this service, by the path; nothing is done."""
        compose = {"services": {"web": service}, **more}
        reply = self.up(compose)
        assert reply.status == 400, reply.content
        assert self.get(CONTAINERS) == []
        return {each["path"]: each["message"] for each in reply.body["problems"]}

    def test_several_at_once(self) -> None:
        """Each with its path, and what to do."""
        found = self.problems(
            {"build": ".", "links": ["db"], "network_mode": "host", "scale": 2, "imgae": "nginx"}
        )
        assert "build and push it" in found["$.compose.services.web.build"]
        assert "by their names" in found["$.compose.services.web.links"]
        assert "say its ports" in found["$.compose.services.web.network_mode"]
        assert "with data runs once" in found["$.compose.services.web.scale"]
        assert "there is no imgae here" in found["$.compose.services.web.imgae"]

    def test_judged_as_containers(self) -> None:
        """What a container cannot have is said where the document has it."""
        found = self.problems(
            {
                "image": "nginx",
                "cap_add": ["NET_ADMIN", "FLY"],
                "mem_limit": "1",
                "environment": ["A=b", "=c"],
                "volumes": ["data:/proc/x"],
                "restart": "sometimes",
                "x-flocker": {"host": "a b"},
            },
            volumes={"data": None},
        )
        web = "$.compose.services.web"
        assert found.keys() == {
            f"{web}.cap_add[1]",
            f"{web}.mem_limit",
            f"{web}.environment",
            f"{web}.volumes[0].mountpoint",
            f"{web}.restart",
            f"{web}.x-flocker.host",
        }
        assert found[f"{web}.cap_add[1]"].startswith('services.web.cap_add[1]: "FLY" is not')

    def test_files_of_the_user(self) -> None:
        """The service has none of the user's files: flockerctl reads them."""
        found = self.problems(
            {"image": "nginx", "env_file": ".env", "volumes": ["./site:/srv", "~/x:/x"]}
        )
        assert all("flockerctl app up" in message for message in found.values()), found
        assert len(found) == 3

    def test_standbys(self) -> None:
        """What replicas and a failover lack is said where the document has them."""
        ours = {"replicas": {"rpo_seconds": 1}, "failover": {"mode": "sometimes"}}
        found = self.problems(
            {"image": "nginx", "volumes": ["data:/data"], "x-flocker": ours},
            volumes={"data": None},
        )
        at = "$.compose.services.web.x-flocker"
        assert found.keys() == {f"{at}.replicas.rpo_seconds", f"{at}.failover.mode"}
        found = self.problems({"image": "nginx", "x-flocker": {"replicas": {"count": 1}}})
        assert "this service has none" in found[f"{at}.replicas"]
        found = self.problems({"image": "nginx"}, **{"x-flocker": {"replicas": {"count": 1}}})
        assert "of each service" in found["$.compose.x-flocker.replicas"]

    def test_variables(self) -> None:
        """One that is required and not set is refused with the text of the document."""
        reply = self.up(variables={})
        (problem,) = reply.body["problems"]
        assert problem["path"] == "$.compose.services.db.environment.POSTGRES_PASSWORD"
        assert "the variable PASSWORD is required: say it" in problem["message"]

    def test_taken(self) -> None:
        """What another container has is refused, and nothing is done."""
        self.created(
            CONTAINERS, {"host": ADDRESS_1, "name": "other", "image": "nginx", "ports": ["8080:80"]}
        )
        reply = self.up()
        assert reply.status == 409
        assert "8080 is used by container other" in reply.body["problems"][0]["message"]
        assert list(self.containers()) == ["other"]
        assert self.get("/configuration/datasets") == []


class OneApplicationTests(ApplicationsTestCase):
    def test_read(self) -> None:
        """It has its services and datasets."""
        self.up()
        assert self.get(APPLICATIONS) == [self.get(SHOP)]
        found = self.get(SHOP)
        assert found["services"] == [
            {"service": "db", "container": "shop-db", "host": ADDRESS_1},
            {"service": "web", "container": "shop-web", "host": ADDRESS_1},
        ]
        assert [(each["volume"], each["used"]) for each in found["datasets"]] == [("data", True)]
        assert self.request("GET", f"/v1{APPLICATIONS}/none").status == 404

    def test_moved(self) -> None:
        """All of its containers move, each with its datasets."""
        self.up()
        forecast = self.post(f"{SHOP}?dry_run=1", {"host": ADDRESS_2})
        reply = self.post(SHOP, {"host": ADDRESS_2})
        assert actions(forecast) == actions(reply) == {"web": "moved", "db": "moved"}
        assert {each["host"] for each in self.get(SHOP)["services"]} == {ADDRESS_2}
        assert len(self.get("/state/moves")) == 2
        options = {"max_pause_seconds": 0.5, "on_miss": "abort"}
        self.post(SHOP, {"host": ADDRESS_2, "move": options})
        for move in self.get("/state/moves"):
            assert move["options"].items() >= options.items()
        self.post(SHOP, {"host": ADDRESS_1})
        nothing = self.post(SHOP, {"host": ADDRESS_1, "move": options})
        assert (nothing.status, "Nothing moves" in nothing.body["description"]) == (409, True)
        assert self.post(f"{APPLICATIONS}/none", {"host": ADDRESS_2}).status == 404

    def test_deleted(self) -> None:
        """Its containers go, and the answer says which datasets stay."""
        self.up()
        reply = self.request("DELETE", f"/v1{SHOP}?dry_run=1")
        assert actions(reply) == {"web": "removed", "db": "removed"}
        reply = self.request("DELETE", f"/v1{SHOP}")
        assert actions(reply) == {"web": "removed", "db": "removed"}
        assert [each["action"] for each in reply.body["datasets"]] == ["stays"]
        assert self.get(CONTAINERS) == self.get(APPLICATIONS) == []
        assert len(self.get("/configuration/datasets")) == 1
        assert self.request("DELETE", f"/v1{SHOP}").status == 404

    def test_exported(self) -> None:
        """Containers that are created anew of what was read of them are the application again."""
        self.up()
        before, containers = self.get(SHOP), self.get(CONTAINERS)
        self.request("DELETE", f"/v1{SHOP}")
        for each in containers:
            self.created(CONTAINERS, each)
        assert self.get(SHOP) == before
        assert set(actions(self.up()).values()) == {"unchanged"}

    def test_waited_for(self) -> None:
        """A change of one of its containers is a change of it."""
        self.up()
        generation = int(self.request("GET", f"/v1{APPLICATIONS}").headers["x-generation"])
        sent = self.begin("GET", f"/v1{APPLICATIONS}?wait_for={generation}")
        self.treq.flush()
        assert sent.paused
        self.post(f"{CONTAINERS}/shop-web", {"host": ADDRESS_2})
        self.treq.flush()
        reply = self.reply(sent, "GET", f"/v1{APPLICATIONS}")
        assert {each["host"] for each in reply.body[0]["services"]} == {ADDRESS_1, ADDRESS_2}
