"""/v1/configuration/containers"""

from __future__ import annotations

from typing import Any

from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_2
from tests.control.http.container_bodies import (
    CONTAINERS,
    DATASET_1,
    DATASET_2,
    DATASETS,
    EVERYTHING,
    WEB,
    ContainersTestCase,
    link,
    volume,
)

UNKNOWN_NODE = "The provided primary node is not part of the cluster."


class CreateContainerTests(ContainersTestCase):
    """POST /v1/configuration/containers"""

    def test_minimal(self) -> None:
        """What is not asked for is not in the answer, but for the restart policy."""
        body = {"host": ADDRESS_1, "name": "web", "image": "nginx:latest"}
        stored = {**body, "restart_policy": {"name": "never"}}
        assert self.container() == stored
        assert self.get(CONTAINERS) == [stored]

    def test_everything(self) -> None:
        """The answer is all that was asked for, ports and links in order."""
        stored = {
            **EVERYTHING,
            "ports": [{"internal": 80, "external": 8080}, {"internal": 443, "external": 8443}],
            "links": [EVERYTHING["links"][1], EVERYTHING["links"][0]],
        }
        assert self.created(CONTAINERS, EVERYTHING) == stored
        assert self.get(CONTAINERS) == [stored]

    def test_empty_left_out(self) -> None:
        """What is empty is as if it were not there."""
        body = self.container(environment={}, volumes=[], command_line=[])
        assert set(body) == {"host", "name", "image", "restart_policy"}

    def test_node_by_uuid(self) -> None:
        """A node's UUID is accepted for its address, and the answer has the address."""
        assert self.container(host=NODE_2)["host"] == ADDRESS_2

    def test_images(self) -> None:
        """An image without any colon gets the tag "latest"; all others stay as they are."""
        for number, (image, stored) in enumerate(
            {
                "nginx": "nginx:latest",
                "a/b": "a/b:latest",
                "nginx:1.7": "nginx:1.7",
                "reg.example:5000/x/y": "reg.example:5000/x/y",
                "reg.example:5000/x/y:z": "reg.example:5000/x/y:z",
                "a@sha256:" + "0" * 64: "a@sha256:" + "0" * 64,
            }.items()
        ):
            assert self.container(name=f"n{number}", image=image)["image"] == stored

    def test_bad_images(self) -> None:
        """What Docker would not take for an image is refused."""
        for image in ("", ":x", "x:", "Upper", "a b", "a//b", "x:y\n", "-a", "a" * 513):
            reply = self.create(image=image)
            assert reply.status == 400
            assert reply.body["errors"]
        self.assert_nothing()

    def test_restart_policies(self) -> None:
        """Every restart policy is answered as it was asked for."""
        for number, policy in enumerate(
            (
                {"name": "never"},
                {"name": "always"},
                {"name": "on-failure"},
                {"name": "on-failure", "maximum_retry_count": 1},
            )
        ):
            body = self.container(name=f"n{number}", restart_policy=policy)
            assert body["restart_policy"] == policy

    def test_bad_restart_policies(self) -> None:
        """What is no restart policy is refused."""
        for policy in (
            {},
            {"name": "sometimes"},
            {"name": "always", "maximum_retry_count": 5},
            {"name": "never", "maximum_retry_count": 5},
            {"name": "on-failure", "maximum_retry_count": 0},
            {"name": "always", "extra": 1},
            "sometimes",
            "always:3",
            "on-failure:0",
        ):
            self.assert_invalid(self.create(restart_policy=policy))

    def test_name_in_use(self) -> None:
        """A name is used once, on whichever node."""
        self.container()
        for host in (ADDRESS_2, "10.77.0.99"):
            reply = self.create(host=host)
            self.assert_refused(reply, 409, "The container name already exists.")

    def test_unknown_node(self) -> None:
        """A host that is not in the cluster is refused."""
        self.assert_refused(self.create(host="10.77.0.99"), 400, UNKNOWN_NODE)
        self.assert_nothing()

    def test_dataset_not_found(self) -> None:
        """A volume's dataset must be there, and not deleted."""
        reply = self.create(volumes=[volume("e" + DATASET_1[1:])])
        self.assert_refused(reply, 404, "Dataset not found.")
        self.delete(f"{DATASETS}/{DATASET_1}")
        self.assert_refused(self.create(volumes=[volume()]), 404, "Dataset not found.")
        self.assert_nothing()

    def test_dataset_elsewhere(self) -> None:
        """A volume's dataset must be on the container's node."""
        reply = self.create(host=ADDRESS_2, volumes=[volume()])
        self.assert_refused(reply, 409, "The dataset is on another node.")
        self.assert_nothing()

    def test_dataset_in_use(self) -> None:
        """A dataset is in one container only."""
        self.container(name="other", volumes=[volume()])
        reply = self.create(volumes=[volume(DATASET_2, "/b"), volume()])
        self.assert_refused(reply, 409, "The dataset is being used by another container.")

    def test_dataset_lower_cased(self) -> None:
        """A volume's dataset may be named in upper case."""
        body = self.container(volumes=[volume(DATASET_1.upper())])
        assert body["volumes"] == [volume()]

    def test_dataset_twice(self) -> None:
        """A dataset is in one place of a container only, however it is written."""
        reply = self.create(volumes=[volume(), volume(DATASET_1.upper(), "/other")])
        description = "A dataset can be only one of a container's volumes."
        self.assert_refused(reply, 409, description)

    def test_mountpoint_twice(self) -> None:
        """A place in a container has one dataset."""
        reply = self.create(volumes=[volume(), volume(DATASET_2)])
        description = "The mountpoints of a container's volumes must be unique."
        self.assert_refused(reply, 409, description)

    def test_bad_volumes(self) -> None:
        """A volume has a dataset and an absolute path."""
        bad: tuple[Any, ...] = (
            [volume(mountpoint="relative")],
            [volume(mountpoint="/a\0b")],
            [volume("x")],
            [{"dataset_id": DATASET_1}],
            [{**volume(), "extra": 1}],
            [volume(f"{n:08x}{DATASET_1[8:]}", f"/{n}") for n in range(17)],
            {},
        )
        for volumes in bad:
            reply = self.create(volumes=volumes)
            assert reply.status == 400, volumes
            assert reply.body["errors"]
        self.assert_nothing()

    def test_port_in_use(self) -> None:
        """An external port is used once in the cluster; within one container as well."""
        description = "A specified external port is already in use."
        self.container(name="other", host=ADDRESS_2, ports=[{"internal": 80, "external": 8080}])
        reply = self.create(ports=[{"internal": 81, "external": 8080}])
        self.assert_refused(reply, 409, description)
        twice = [{"internal": 80, "external": 1}, {"internal": 81, "external": 1}]
        self.assert_refused(self.create(ports=twice), 409, description)
        # An internal port is nobody else's business.
        self.container(ports=[{"internal": 80, "external": 8081}])

    def test_bad_ports(self) -> None:
        """A port has two numbers of ports; the list is not empty and has nothing twice."""
        good = {"internal": 80, "external": 8080}
        for ports in (
            [],
            [good, good],
            [{"internal": 80}],
            [{"external": 8080}],
            [{**good, "extra": 1}],
            [{**good, "external": 0}],
            [{**good, "internal": 65536}],
            [{**good, "internal": "80"}],
            [{**good, "internal": True}],
            [{**good, "internal": 22.5}],
        ):
            self.assert_invalid(self.create(ports=ports))
        self.assert_nothing()

    def test_links_clash(self) -> None:
        """Aliases and local ports are unique within a container; aliases know case."""
        reply = self.create(links=[link(), link(local_port=1)])
        self.assert_refused(reply, 409, "Link aliases must be unique.")
        reply = self.create(links=[link(), link("cache")])
        description = "The local ports in a container's links must be unique."
        self.assert_refused(reply, 409, description)
        self.container(links=[link(), link("DB", 1)])

    def test_bad_links(self) -> None:
        """A link has an alias and two numbers of ports; the list is not empty, nothing twice."""
        for links in (
            [],
            [link(), link()],
            [link("a.b")],
            [link("db\n")],
            [link("")],
            [link(local_port=0)],
            [link(local_port=65536)],
            [{"alias": "db", "local_port": 1}],
            [{**link(), "extra": 1}],
        ):
            self.assert_invalid(self.create(links=links))

    def test_bad_names(self) -> None:
        """A name has letters, digits, hyphens and underscores."""
        message = r"'n.d' does not match '^[a-zA-Z0-9_-]+$(?!\\n)'"
        self.assert_invalid(self.create(name="n.d"), message)
        for name in ("", "a/b", "web\n", "ü", 5, "n" * 129):
            self.assert_invalid(self.create(name=name))
        assert self.container(name="A-b_9")["name"] == "A-b_9"

    def test_bad_limits(self) -> None:
        """Shares and memory have limits."""
        for more in (
            {"cpu_shares": 0},
            {"cpu_shares": 1},
            {"cpu_shares": 1025},
            {"cpu_shares": 2.5},
            {"memory_limit": 1048575},
            {"memory_limit": 6291455},
            {"memory_limit": 2**63},
        ):
            self.assert_invalid(self.create(**more))

    def test_limits_accepted(self) -> None:
        """What is just within the limits."""
        for number, more in enumerate(
            ({"cpu_shares": 2}, {"cpu_shares": 1024}, {"memory_limit": 6291456})
        ):
            body = self.container(name=f"n{number}", **more)
            assert more.items() <= body.items()

    def test_bad_environments(self) -> None:
        """Variables have names, and values that are strings."""
        bad: list[Any] = [{"": "a"}, {"A=B": "a"}, {"A": 5}, {"A": None}, {"A": "\0"}, []]
        for environment in bad:
            self.assert_invalid(self.create(environment=environment))

    def test_platform(self) -> None:
        """An operating system and an architecture, perhaps with its variant."""
        self.container()
        for platform in ("linux/amd64", "linux/arm64/v8", "linux/x86_64"):
            assert self.post(WEB, {"platform": platform}).body["platform"] == platform
        for bad in ("linux", "amd64", "Linux/AMD64", "linux/", "linux/arm64/v8/x", "a/b\n", 1, ""):
            self.assert_invalid(self.post(WEB, {"platform": bad}))
        assert "platform" not in self.post(WEB, {"platform": None}).body

    def test_labels(self) -> None:
        """Labels have names that are not ours, and values that are texts."""
        labels = {"traefik.enable": "true", "org.example/team": ""}
        assert self.container(labels=labels)["labels"] == labels
        bad: list[Any] = [{"": "a"}, {"flocker-lite.managed": "0"}, {"a": 5}, {"a": "\0"}, []]
        for labels in bad:
            self.assert_invalid(self.create(labels=labels))

    def test_health_checks(self) -> None:
        """A port, a page or a command; the times are those of a new one unless they are given."""
        times = {"timeout_seconds": 5, "start_period_seconds": 30}
        checks: list[dict[str, Any]] = [
            {"port": 65535},
            {"port": 1, "path": "/"},
            {"command": ["redis-cli", "ping"]},
            {"port": 1, "timeout_seconds": 3600, "start_period_seconds": 0.001},
            {"port": 1, "interval_seconds": 1, "retries": 1000, "on_unhealthy": "restart"},
            {"port": 1, "interval_seconds": 86400, "retries": 1},
        ]
        for number, check in enumerate(checks):
            body = self.container(name=f"n{number}", health_check=check)
            assert body["health_check"] == {**times, **check}

    def test_health_checks_of_later_releases(self) -> None:
        """What has the value of a new one is left out, so that it is one as before."""
        new = {"interval_seconds": 30, "retries": 3, "on_unhealthy": "nothing"}
        check = {"port": 1, "timeout_seconds": 5, "start_period_seconds": 30}
        assert self.container(health_check={**check, **new})["health_check"] == check
        body = self.post(WEB, {"health_check": {"port": 1, "interval_seconds": "1m30s"}}).body
        assert body["health_check"] == {**check, "interval_seconds": 90}

    def test_bad_health_checks(self) -> None:
        """It is exactly one of them, with times within limits."""
        bad: list[Any] = [
            {},
            {"path": "/"},
            {"port": 0},
            {"port": 65536},
            {"port": "80"},
            {"port": 80, "command": ["true"]},
            {"port": 80, "path": "health"},
            {"port": 80, "path": "/a b"},
            {"port": 80, "path": "/a\r\nb"},
            {"port": 80, "path": "/a#b"},
            {"command": []},
            {"command": "true"},
            {"command": ["a\0b"]},
            {"port": 80, "timeout_seconds": 0},
            {"port": 80, "timeout_seconds": 3601},
            {"port": 80, "start_period_seconds": -1},
            {"port": 80, "start_period_seconds": None},
            {"port": 80, "interval_seconds": 0},
            {"port": 80, "interval_seconds": 86401},
            {"port": 80, "interval_seconds": None},
            {"port": 80, "retries": 0},
            {"port": 80, "retries": 1001},
            {"port": 80, "retries": "3"},
            {"port": 80, "on_unhealthy": "stop"},
            {"port": 80, "interval": 1},
            80,
        ]
        for check in bad:
            self.assert_invalid(self.create(health_check=check))

    def test_bad_command_lines(self) -> None:
        """A command line is strings."""
        for command_line in ("sh", [5], ["a\0b"], ["x" * 4097], ["x"] * 4097):
            self.assert_invalid(self.create(command_line=command_line))

    def test_required(self) -> None:
        """Host, name and image are required, and nothing unknown is taken."""
        reply = self.post(CONTAINERS, {"junk": 1})
        assert len(reply.body["errors"]) == 4
        self.assert_invalid(
            self.create(node_uuid=NODE_2),
            "Additional properties are not allowed ('node_uuid' was unexpected)",
        )


class MoveContainerTests(ContainersTestCase):
    """POST /v1/configuration/containers/<name>"""

    def test_move(self) -> None:
        """The answer is the container with its new host; its datasets move with it, no others."""
        created = self.container(volumes=[volume()], ports=[{"internal": 80, "external": 8080}])
        reply = self.post(WEB, {"host": ADDRESS_2})
        assert (reply.status, reply.body) == (200, {**created, "host": ADDRESS_2})
        assert self.get(CONTAINERS) == [reply.body]
        primaries = {body["dataset_id"]: body["primary"] for body in self.get(DATASETS)}
        assert primaries == {DATASET_1: ADDRESS_2, DATASET_2: ADDRESS_1}

    def test_same_node(self) -> None:
        """A move to where it is, is a success."""
        created = self.container(volumes=[volume()])
        reply = self.post(WEB, {"host": ADDRESS_1})
        assert (reply.status, reply.body) == (200, created)

    def test_node_by_uuid(self) -> None:
        """A node's UUID is accepted for its address."""
        self.container()
        assert self.post(WEB, {"host": NODE_2}).body["host"] == ADDRESS_2

    def test_not_found(self) -> None:
        """A container that is not there is not found, wherever it should go; names know case."""
        self.container(name="WEB")
        for host in (ADDRESS_1, "10.77.0.99"):
            reply = self.post(WEB, {"host": host})
            self.assert_refused(reply, 404, "Container not found.")

    def test_unknown_node(self) -> None:
        """A host that is not in the cluster is refused."""
        self.container()
        self.assert_refused(self.post(WEB, {"host": "10.77.0.99"}), 400, UNKNOWN_NODE)

    def test_schema(self) -> None:
        """Something, and nothing that is unknown."""
        self.container()
        self.assert_invalid(self.post(WEB, {}), "{} should be non-empty")
        self.assert_invalid(self.post(WEB, {"host": "10.0.0.257"}))
        self.assert_invalid(
            self.post(WEB, {"host": ADDRESS_2, "junk": "x"}),
            "Additional properties are not allowed ('junk' was unexpected)",
        )


class DeleteContainerTests(ContainersTestCase):
    """DELETE /v1/configuration/containers/<name>"""

    def test_delete(self) -> None:
        """The answer is null; datasets and other containers stay."""
        self.container(volumes=[volume()])
        other = self.container(name="other")
        reply = self.delete(WEB)
        assert (reply.status, reply.content) == (200, b"null")
        assert self.get(CONTAINERS) == [other]
        assert not any(body["deleted"] for body in self.get(DATASETS))

    def test_frees(self) -> None:
        """Its name, ports and datasets are free again."""
        body = {"volumes": [volume()], "ports": [{"internal": 80, "external": 8080}]}
        self.container(**body)
        self.delete(WEB)
        self.container(**body)

    def test_not_found(self) -> None:
        """A second time it is not found."""
        self.container()
        self.delete(WEB)
        self.assert_refused(self.delete(WEB), 404, "Container not found.")
