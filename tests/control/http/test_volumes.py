"""What the REST API says of volumes of Docker's, which are in no dataset."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.model.container_fields.files import BindMount
from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerState, Kept, KeptVolume, NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

SHOP = "/configuration/containers/shop"


class VolumesTests(RESTTestCase):
    """A container whose image asks for a volume at /config runs on the first node."""

    def setUp(self) -> None:
        super().setUp()
        self.created(
            "/configuration/containers", {"name": "shop", "host": ADDRESS_1, "image": "a:1"}
        )
        shop = Container("shop", NODE_1, "a:1")
        running = ContainerState(shop, True, stays_behind=("/config",))
        self.control.report(NODE_1, NodeState(containers=pmap({"shop": running})))

    def keep(self) -> None:
        """The second node keeps what it had there before."""
        kept = KeptVolume("shop", "/config", "c0ffee", 1767225600.5)
        self.control.report(NODE_2, NodeState(kept=pmap({"shop": Kept((kept,))})))

    def test_shown(self) -> None:
        """State has the paths that are in no dataset."""
        (shown,) = self.get("/state/containers")
        assert shown["stays_behind"] == ["/config"]

    def test_bind_mounts(self) -> None:
        """Paths of the node are among them; they are not removed with the container."""
        binds = (BindMount("/srv/web", "/www"),)
        shop = Container("shop", NODE_1, "a:1", bind_mounts=binds)
        running = ContainerState(shop, True, stays_behind=("/config",))
        self.control.report(NODE_1, NodeState(containers=pmap({"shop": running})))
        (shown,) = self.get("/state/containers")
        assert shown["stays_behind"] == ["/config", "/www"]
        body = self.post(f"{SHOP}?dry_run=1", {"host": ADDRESS_2}).body
        assert body["stays_behind"] == ["/config", "/www"]
        assert self.delete(SHOP).body == {
            "removed_volumes": [{"host": ADDRESS_1, "path": "/config"}]
        }

    def test_dry_run(self) -> None:
        """A dry run says that they would not come along."""
        body = self.post(f"{SHOP}?dry_run=1", {"host": ADDRESS_2}).body
        assert body["stays_behind"] == ["/config"]
        assert body["warning"].startswith("the data at /config is in no dataset: it stays")

    def test_move(self) -> None:
        """So does the answer to the request that moves it, and to none that does not."""
        assert "stays_behind" not in self.post(SHOP, {"environment": {"TZ": "UTC"}}).body
        assert self.post(SHOP, {"host": ADDRESS_2}).body["stays_behind"] == ["/config"]

    def test_kept(self) -> None:
        """A node shows what it keeps, and whoever watches hears of it."""
        self.keep()
        nodes = {node["uuid"]: node for node in self.get("/state/nodes")}
        assert nodes[NODE_2]["kept_volumes"] == [
            {
                "container": "shop",
                "path": "/config",
                "volume": "c0ffee",
                "since": 1767225600.5,
            }
        ]
        assert "kept_volumes" not in nodes[NODE_1]
        assert self.control.change_feed.has_changed("state/nodes", 0)

    def test_deleted(self) -> None:
        """The answer to a delete has all that goes with the container."""
        self.keep()
        answer = self.delete(SHOP)
        assert answer.body == {
            "removed_volumes": [
                {"host": ADDRESS_1, "path": "/config"},
                {"host": ADDRESS_2, "path": "/config"},
            ]
        }
