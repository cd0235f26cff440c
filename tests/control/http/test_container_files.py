"""Fields of what a container finds at its paths, in requests and answers."""

from __future__ import annotations

from typing import Any

from flocker_lite.model.fields import rows
from flocker_lite.model.records import Container
from tests.control.http.container_bodies import (
    DATASET_1,
    DATASET_2,
    DATASETS,
    WEB,
    ContainersTestCase,
    volume,
)


class TmpfsTests(ContainersTestCase):
    """POST /v1/configuration/containers with file systems in memory"""

    def test_accepted(self) -> None:
        """It is answered as it was asked for, sizes in bytes."""
        tmpfs = {"/run": {}, "/tmp": {"size": 2**26, "options": ["mode=1777", "noexec"]}}
        assert self.container(tmpfs=tmpfs)["tmpfs"] == tmpfs

    def test_short(self) -> None:
        """Docker's and Compose's ways to write it mean the same."""
        expected = {"/run": {}, "/tmp": {"size": 2**26, "options": ["mode=1777", "uid=999"]}}
        ways: tuple[Any, ...] = (
            ["/run", "/tmp:size=64m,mode=1777,uid=999"],
            ["/run:", "/tmp:size=1m,mode=1777,size=67108864,uid=999"],
            {"/run": "", "/tmp": "mode=1777,uid=999,size=64M"},
            {"/run": {}, "/tmp": {"size": "64m", "options": ["mode=1777", "uid=999"]}},
        )
        self.container()
        for way in ways:
            assert self.post(WEB, {"tmpfs": way}).body["tmpfs"] == expected
        assert self.post(WEB, {"tmpfs": {"/a": "1g", "/b": 4096}}).body["tmpfs"] == {
            "/a": {"size": 2**30},
            "/b": {"size": 4096},
        }
        assert "tmpfs" not in self.post(WEB, {"tmpfs": None}).body

    def test_refused(self) -> None:
        """What Docker would not take is refused."""
        bad: tuple[Any, ...] = (
            "/run",
            ["run"],
            ["/"],
            ["/run/../etc"],
            ["/run\n"],
            ["/proc/x"],
            ["/etc/hosts"],
            ["/run:size"],
            ["/run:bind"],
            ["/run:mode=9"],
            {"/dev/shm": "64m"},
            {"/.flocker-lite": {}},
            {"/a:b": {}},
            {"/run": "64q"},
            {"/run": 1},
            {"/run": {"mode": "1777"}},
            {"/run": {"options": ["size=1"]}},
            {"/run": {"size": None}},
        )
        for value in bad:
            self.assert_invalid(self.create(tmpfs=value))
        self.assert_nothing()

    def test_said(self) -> None:
        """The problem says what would do."""
        (problem,) = self.create(tmpfs={"/run": "64q"}).body["problems"]
        assert problem["path"] == '$.tmpfs["/run"]'
        assert 'is not a size such as "64m", options such as' in problem["message"]
        (problem,) = self.create(tmpfs={"/proc": "64m"}).body["problems"]
        assert "at which Docker can mount something" in problem["message"]

    def test_a_path_of_a_volume(self) -> None:
        """Two things at one path are refused."""
        fields: dict[str, Any] = {"volumes": [volume(mountpoint="/data/")], "tmpfs": ["/data"]}
        reply = self.create(**fields)
        self.assert_refused(reply, 409, "Fields of the container do not go together.")
        (problem,) = reply.body["problems"]
        assert problem["message"] == (
            "tmpfs: something else is at /data: choose another path for one of them"
        )


class VolumePartsTests(ContainersTestCase):
    """What else a volume may say"""

    def test_accepted(self) -> None:
        """It is answered as it was asked for, and left out where it says nothing."""
        parts = {**volume(), "read_only": True, "subpath": "pg/16 data"}
        plain = {**volume(DATASET_2, "/b"), "read_only": False}
        body = self.container(volumes=[parts, plain])
        assert body["volumes"] == [parts, volume(DATASET_2, "/b")]

    def test_refused(self) -> None:
        """A path is one in the dataset, without a detour."""
        for path in ("", "/etc", "..", "a/../b", "a//b", "a/", "./a", "a:b", "a\n", "a" * 256, 1):
            self.assert_invalid(self.create(volumes=[{**volume(), "subpath": path}]))
        self.assert_invalid(self.create(volumes=[{**volume(), "read_only": "yes"}]))
        self.assert_nothing()

    def test_a_colon(self) -> None:
        """Docker could not tell such a path from what follows it."""
        asked = {**volume(mountpoint="/a:b"), "subpath": "pg"}
        reply = self.create(volumes=[asked])
        self.assert_refused(reply, 409, "Fields of the container do not go together.")
        (problem,) = reply.body["problems"]
        assert problem["message"] == "volumes: /a:b has a colon: there can be no subpath there"

    def test_an_older_agent(self) -> None:
        """An agent that would leave it out does not get the container."""
        for parts, protocol in (({}, 1), ({"read_only": True}, 2), ({"subpath": "a"}, 2)):
            (row,) = (row for row in rows(Container) if row.name == "volumes")
            parsed = row.about.parse([{**volume(), **parts}])
            assert row.about.protocol_of(parsed) == protocol


class BindMountTests(ContainersTestCase):
    """Paths of the node in a container"""

    def setUp(self) -> None:
        super().setUp()
        self.allow("/srv/web", "/srv/x.sock")

    def test_accepted(self) -> None:
        """They are answered as they were asked for."""
        binds = [
            {"host_path": "/srv/web", "mountpoint": "/www", "read_only": True},
            {"host_path": "/srv/x.sock", "mountpoint": "/x"},
        ]
        assert self.container(bind_mounts=binds)["bind_mounts"] == binds

    def test_not_allowed(self) -> None:
        """A path that the node does not allow is refused, with the line to write."""
        asked = {"host_path": "/srv/web/x", "mountpoint": "/www"}
        reply = self.create(bind_mounts=[asked])
        assert reply.status == 409
        (problem,) = reply.body["problems"]
        assert "write `allow: [/srv/web, /srv/x.sock, /srv/web/x]` into" in problem["message"]

    def test_refused(self) -> None:
        """What is no plain path, or where Docker can mount nothing, is refused."""
        for path in ("srv", "/", "/srv/", "/srv/../etc", "/srv//web", "/a\n", "/a b", 1):
            self.assert_invalid(self.create(bind_mounts=[{"host_path": path, "mountpoint": "/x"}]))
        for path in ("/proc/x", "/"):
            asked = {"host_path": "/srv/web", "mountpoint": path}
            self.assert_invalid(self.create(bind_mounts=[asked]))
        self.assert_nothing()

    def test_one_mountpoint(self) -> None:
        """Two things at one path are refused."""
        bind = {"host_path": "/srv/web", "mountpoint": "/data"}
        for fields in (
            {"bind_mounts": [bind], "volumes": [volume()]},
            {"bind_mounts": [bind, {**bind, "host_path": "/srv/x.sock"}]},
            {"bind_mounts": [bind], "tmpfs": ["/data"]},
        ):
            reply = self.create(**fields)
            self.assert_refused(reply, 409, "Fields of the container do not go together.")
            (problem,) = reply.body["problems"]
            assert "something else is at /data: choose another" in problem["message"]


class DatasetNameTests(ContainersTestCase):
    """Volumes that name their datasets by what their metadata calls them"""

    def setUp(self) -> None:
        super().setUp()
        self.name(DATASET_1, "pgdata")

    def name(self, dataset_id: str, name: str) -> None:
        """Give the dataset a name."""
        self.post(f"{DATASETS}/{dataset_id}", {"metadata": {"name": name}})

    def test_created(self) -> None:
        """The answer and what is stored have the id, whatever the dataset is called later."""
        body = self.container(volumes=[{"dataset": "pgdata", "mountpoint": "/data"}])
        assert body["volumes"] == [volume()]
        self.name(DATASET_1, "other")
        self.name(DATASET_2, "pgdata")
        (body,) = self.get("/configuration/containers")
        assert body["volumes"] == [volume()]

    def test_updated(self) -> None:
        """So does an update, beside what is named by its id; an id may stand for the name."""
        self.container()
        named = {"dataset": "pgdata", "mountpoint": "/data"}
        body = self.post(WEB, {"volumes": [named, volume(DATASET_2, "/b")]}).body
        assert body["volumes"] == [volume(), volume(DATASET_2, "/b")]
        body = self.post(WEB, {"volumes": [{**named, "dataset": DATASET_2.upper()}]}).body
        assert body["volumes"] == [volume(DATASET_2)]

    def test_unknown(self) -> None:
        """A name that no dataset has is refused, and the nearest one is told."""
        reply = self.create(volumes=[{"dataset": "pgdate", "mountpoint": "/data"}])
        self.assert_refused(reply, 404, "Dataset not found.")
        (problem,) = reply.body["problems"]
        assert problem["path"] == "$.volumes[0].dataset"
        assert problem["message"] == (
            "no dataset has the name pgdate in its metadata: did you mean pgdata?"
        )
        assert problem["nearest"] == "pgdata"

    def test_deleted(self) -> None:
        """A deleted dataset has given up its name."""
        self.delete(f"{DATASETS}/{DATASET_1}")
        asked = [{"dataset": "pgdata", "mountpoint": "/data"}]
        self.assert_refused(self.create(volumes=asked), 404, "Dataset not found.")
        self.name(DATASET_2, "pgdata")
        assert self.container(volumes=asked)["volumes"] == [volume(DATASET_2)]

    def test_several(self) -> None:
        """A name that several have does for none."""
        self.name(DATASET_2, "pgdata")
        reply = self.create(volumes=[{"dataset": "pgdata", "mountpoint": "/data"}])
        self.assert_refused(reply, 409, "Several datasets have this name.")
        (problem,) = reply.body["problems"]
        assert problem["message"] == (
            f"datasets {DATASET_1} and {DATASET_2} have the name pgdata: give the dataset_id of one"
        )
        self.assert_nothing()

    def test_neither_or_both(self) -> None:
        """A volume has either of them."""
        reply = self.create(volumes=[{"mountpoint": "/data"}])
        self.assert_invalid(reply)
        (problem,) = reply.body["problems"]
        assert problem["message"].endswith("is not an object with dataset_id, or dataset")
        self.assert_invalid(self.create(volumes=[{**volume(), "dataset": "pgdata"}]))
        for bad in ("", "a\n", None):
            self.assert_invalid(self.create(volumes=[{"dataset": bad, "mountpoint": "/data"}]))

    def test_in_use(self) -> None:
        """A dataset that another container uses is refused as by its id."""
        self.container(volumes=[{"dataset": "pgdata", "mountpoint": "/data"}])
        reply = self.create(name="two", volumes=[{"dataset": "pgdata", "mountpoint": "/data"}])
        self.assert_refused(reply, 409, "The dataset is being used by another container.")
