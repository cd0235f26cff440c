"""What a cluster outlives, as docs/install.rst has it: upgrades, and the loss of its store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from tests.functional.agents_lab import CHECKOUT, Cluster, wait_for

STORE = "/var/lib/flocker-lite"
IDENTITY_FILE = "var/lib/flocker-lite/identity.json"
PORT = 6379
PAGE_DATASET_ID = "c01dc0de-0000-4000-8000-000000000001"
NEW_DATASET_ID = "c01dc0de-0000-4000-8000-000000000002"
BALLAST_MIB = 24
BANDWIDTH_BYTES_PER_SECOND = 3_000_000
MOVE_SECONDS_MAX = 180.0


class Shop(Cluster):
    """A redis with a dataset of its own, at the first of two nodes."""

    dataset_id = ""

    def open(self) -> None:
        """Have it run, with something in it."""
        self.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        self.dataset_id = self.dataset("n1")
        self.start("redis", "n1", self.dataset_id)

    def start(self, name: str, node: str, dataset_id: str) -> None:
        """A redis on a dataset."""
        self.create(
            node,
            name,
            command_line=None,
            ports=[{"internal": PORT, "external": PORT}],
            volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
        )
        self.running(name)

    def redis(self, *words: str, at: str = "n1") -> str:
        """What redis says, asked at a node's address, as soon as it says something."""
        # A connection that was led to a node that is dead would wait for minutes.
        command = f"timeout 5 redis-cli -h {self.node(at).address} {' '.join(words)}"
        return str(wait_for(lambda: self.player.run(f"{command} 2>/dev/null || true"), command))

    def remembers(self, key: str, value: str, at: str = "n1") -> None:
        """It has what was put in."""
        wait_for(lambda: self.redis("get", key, at=at) == value, f"{key} is {value}")

    def where(self) -> str | None:
        """The address of the node that has the dataset as its primary."""
        listed = {item["dataset_id"]: item for item in self.get("/state/datasets")}
        found = listed.get(self.dataset_id, {}).get("primary")
        return None if found is None else str(found)

    def move(self, node: str, **options: object) -> None:
        """Ask for a move."""
        body: dict[str, object] = {"host": self.node(node).address}
        if options:
            body["move"] = options
        self.player.post("/configuration/containers/redis", body)

    def moved(self, node: str) -> None:
        """Wait until it serves at the node."""
        address = self.node(node).address
        self.state(
            "redis",
            lambda state: state.get("running") and state["host"] == address,
            MOVE_SECONDS_MAX,
        )
        wait_for(lambda: self.where() == address, f"the data is at {node}")

    def runs_at(self, name: str) -> list[str]:
        """The nodes at which a container is seen to run; none should be twice."""
        names = {self.node(node).address: node for node in ("n1", "n2")}
        seen = [item for item in self.get("/state/containers") if item["name"] == name]
        return [names[item["host"]] for item in seen if item["running"]]

    def path(self, dataset_id: str) -> str:
        """Where a node has a dataset mounted."""

        def look() -> str | None:
            listed = {item["dataset_id"]: item for item in self.get("/state/datasets")}
            return listed.get(dataset_id, {}).get("path")

        return str(wait_for(look, f"{dataset_id} mounted"))

    @property
    def control(self) -> Node:
        """The machine of the control service."""
        return self.node("control")

    def sh(self, node: str, script: str) -> str:
        """What a line of shell prints on a node."""
        return self.node(node).run(["sh", "-euc", script]).stdout.strip()

    def back(self) -> None:
        """Start the control service, and wait until both agents have reported."""
        self.control.start_service("flocker-control")
        self.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        self.running("redis")

    def started_at(self, node: str) -> str:
        """When Docker started redis."""
        return str(self.inspect(node, "redis")["State"]["StartedAt"])


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """It is open."""
    with Lab("test-losses", "10.85.7.0/24", pulled=True) as lab:
        made = Shop(lab)
        made.open()
        yield made


def test_a_store_that_is_gone_comes_back_from_its_export(shop: Shop) -> None:
    """Everything goes on, redis does not notice, and it can be moved."""
    shop.redis("set", "before", "export")
    backup = shop.sh("control", f"python -m flocker_lite export --data-path {STORE}")
    started_at = shop.started_at("n1")
    shop.control.kill_service("flocker-control")
    shop.sh("control", f"rm -rf {STORE}/*")
    shop.control.run(
        ["python", "-m", "flocker_lite", "import", "--data-path", STORE], input_text=backup
    )
    shop.back()
    assert shop.started_at("n1") == started_at
    assert shop.where() == shop.node("n1").address
    shop.move("n2")
    shop.moved("n2")
    shop.remembers("before", "export")


def test_an_old_copy_of_the_store_loses_nothing(shop: Shop) -> None:
    """It wants what was wanted then; what was written since comes along."""
    shop.control.stop_service("flocker-control")
    shop.sh("control", f"rm -rf /root/backup; cp -a {STORE} /root/backup")
    shop.back()
    shop.move("n1")
    shop.moved("n1")
    shop.redis("set", "after", "backup")
    shop.control.stop_service("flocker-control")
    shop.sh("control", f"rm -rf {STORE}/*; cp -a /root/backup/. {STORE}")
    shop.back()
    shop.moved("n2")
    shop.remembers("before", "export")
    shop.remembers("after", "backup")


def test_no_backup_at_all(shop: Shop) -> None:
    """With the cluster's id, which each node knows, what is made anew finds its data."""
    known = json.loads((shop.node("n1").root / IDENTITY_FILE).read_text())
    shop.control.kill_service("flocker-control")
    shop.sh("control", f"rm -rf {STORE}/*")
    shop.control.run(
        ["python", "-m", "flocker_lite", "import", "--data-path", STORE],
        input_text=f"format: 1\ncluster_id: {known['cluster_id']}\n",
    )
    shop.control.start_service("flocker-control")
    shop.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    shop.gone("redis")
    address = shop.node("n2").address
    shop.player.post("/configuration/datasets", {"primary": address, "dataset_id": shop.dataset_id})
    shop.start("redis", "n2", shop.dataset_id)
    shop.remembers("after", "backup")


def test_an_upgrade_while_a_container_moves(shop: Shop) -> None:
    """The control service is restarted, then each agent; the move comes to its end."""
    path = shop.path(shop.dataset_id)
    shop.sh("n2", f"head -c {BALLAST_MIB}M /dev/urandom >{path}/ballast; sync")
    shop.redis("set", "during", "upgrade")
    shop.move("n1", bandwidth_limit=BANDWIDTH_BYTES_PER_SECOND)
    wait_for(
        lambda: any(item.get("phase") == "pushing" for item in shop.get("/state/moves?phase=open")),
        "the push",
    )
    shop.control.stop_service("flocker-control")
    shop.back()
    for node in ("n1", "n2"):
        shop.node(node).stop_service("flocker-agent")
        shop.node(node).start_service("flocker-agent")
    shop.moved("n1")
    shop.remembers("during", "upgrade")
    assert shop.sh("n1", f"stat -c %s {shop.path(shop.dataset_id)}/ballast") == str(
        BALLAST_MIB << 20
    )


def test_a_node_that_is_gone_for_good(shop: Shop) -> None:
    """Line by line as the page has it: what the last move brought is served, nothing is lost."""
    shop.redis("set", "old", "moved")
    shop.move("n2")
    shop.moved("n2")
    shop.redis("set", "new", "unmoved")
    shop.redis("save")
    shop.node("n2").crash()
    forget, rescue, create = commands_of("A node that is gone for good", shop)
    for command in forget:
        shop.player.run(command)
    path = shop.path(NEW_DATASET_ID)
    shop.sh("n1", "\n".join(rescue).replace("PATH", path))
    for command in create:
        assert '"description"' not in shop.player.run(command)
    wait_for(lambda: "n1" in shop.runs_at("redis"), "redis at the node that is left")
    shop.remembers("old", "moved")
    assert shop.redis("exists", "new") == "0"
    shop.node("n2").start()
    wait_for(lambda: shop.runs_at("redis") == ["n1"], "the old container is stopped")
    # Redis syncs the file, and not that it was given its name.
    look = f"grep -aohs unmoved {shop.path(shop.dataset_id)}/*.rdb || true"
    wait_for(lambda: shop.sh("n2", look) == "unmoved", "the old dataset with all that it had")
    assert shop.where() == shop.node("n2").address
    shop.remembers("old", "moved")


def test_a_node_that_was_forgotten_comes_back(shop: Shop) -> None:
    """It is told so, stops its container and touches nothing, until it is let in again."""
    node, path = shop.node("n2"), f"/configuration/nodes/{shop.node('n2').address}"
    dataset_id = shop.dataset("n2")
    volumes = [{"dataset_id": dataset_id, "mountpoint": "/data"}]
    shop.create("n2", "alone", volumes=volumes, restart_policy={"name": "always"})
    shop.running("alone")
    shop.sh("n2", f"echo mine >{shop.path(dataset_id)}/note; sync")
    facts = "zfs list -H -t all -o name; zfs get -rH -o name,property,value -s local all"
    before = shop.sh("n2", facts)
    node.kill_service("flocker-agent")
    shop.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 1)
    forgotten = shop.player.delete(f"{path}?force=true")
    assert forgotten["lost"]["containers"] == ["alone"]
    assert [each["dataset_id"] for each in forgotten["lost"]["datasets"]].count(dataset_id) == 1
    assert shop.inspect("n2", "alone")["State"]["Running"]
    node.start_service("flocker-agent")
    wait_for(lambda: not shop.inspect("n2", "alone")["State"]["Running"], "its container to stop")
    (told,) = shop.player.poll(
        "/state/forgotten_nodes", lambda found: any("knocked_at" in each for each in found)
    )
    assert told["host"] == node.address
    assert shop.sh("n2", facts) == before
    assert "forgotten" in node.log_tail("flocker-agent")
    # What n1 had of the old dataset is lost as well.
    wait_for(lambda: shop.dataset_id not in shop.sh("n1", facts), "its copy to be destroyed")
    shop.player.post(path, {"forgotten": False})
    shop.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    assert shop.get("/state/forgotten_nodes") == []
    assert shop.sh("n2", facts) == before
    assert shop.sh("n2", f"cat /flocker/{dataset_id}/note") == "mine"


def commands_of(title: str, shop: Shop) -> list[list[str]]:
    """The blocks of commands of a section of the page, for this lab and its dataset."""
    page = (CHECKOUT / "docs/install.rst").read_text()
    section = page.partition(f"\n{title}\n")[2]
    words = {
        "10.0.0.10": shop.control.address,
        "10.0.0.11": shop.node("n1").address,
        "10.0.0.12": shop.node("n2").address,
        "https:": "http:",
        PAGE_DATASET_ID: shop.dataset_id,
        "curl": "curl -sS",
    }
    for word, here in words.items():
        section = section.replace(word, here)
    blocks = re.findall(r"::\n\n((?: {4}.+\n)+)", section)
    return [block.replace("    ", "", 1).replace("\n    ", "\n").splitlines() for block in blocks]
