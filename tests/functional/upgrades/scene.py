"""A lab that is upgraded machine by machine, while a container moves that a client writes to."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from admin.hosts.certificates import FOLDER, USER, curl_options
from admin.story.player import Player
from tests.functional.agents_lab import ANSWER_SECONDS_MAX, CHECKOUT, Cluster, wait_for
from tests.functional.crashes import journal
from tests.functional.crashes.standstill import Standstill
from tests.functional.crashes.watcher import Watcher

NAME, SUBNET = "upgrades", "10.97.10.0/24"
NODES = ("n1", "n2")
MACHINES = ("control", *NODES)
PORT = 7300
BALLAST_MIB = 24
BANDWIDTH_BYTES_PER_SECOND = 4_000_000
MOVE_SECONDS_MAX = 180.0
APPENDS_MIN = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What the control service said to a request."""

    status: int
    text: str


class Scene(Cluster):
    """A redis on n1 or n2, its client, and which machines have the new release."""

    def __init__(self, lab: Lab, old: Path) -> None:
        super().__init__(lab)
        own = f"{lab.plan.folder}/{FOLDER}/user-{USER}"
        self.player = Player(lab.plan.api, lambda text: None, curl_options(lab.plan))
        self._trust = ssl.create_default_context(cafile=f"{lab.plan.folder}/{FOLDER}/cluster.crt")
        self._trust.load_cert_chain(f"{own}.crt", f"{own}.key")
        self.old = old
        self.new = dict.fromkeys(MACHINES, False)
        self.at = "n1"
        self.dataset_id = ""
        self.journal = journal.Journal([self.node(name).address for name in NODES], PORT)
        self.standstills = {name: Standstill(self.node(name)) for name in NODES}
        self.watcher = Watcher([self.node(name) for name in NODES])

    def open(self) -> None:
        """Have redis run, and its client served."""
        self.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        self.dataset_id = self.dataset("n1")
        self.create(
            "n1",
            "db",
            command_line=journal.COMMAND_LINE,
            ports=[{"internal": 6379, "external": PORT}],
            volumes=[{"dataset_id": self.dataset_id, "mountpoint": "/data"}],
            restart_policy={"name": "always"},
        )
        self.running("db")
        self.journal.start()
        self.is_served()

    def combination(self) -> str:
        """Which release each machine has."""
        return ", ".join(f"{name} {'new' if new else 'old'}" for name, new in self.new.items())

    @property
    def other(self) -> str:
        """Where the redis is not."""
        return "n2" if self.at == "n1" else "n1"

    def move(self, **options: object) -> None:
        """Ask for a move to the other node."""
        body: dict[str, object] = {"host": self.node(self.other).address}
        if options:
            body["move"] = options
        self.player.post("/configuration/containers/db", body)

    def moved(self) -> None:
        """Wait until redis and its data are at the other node, and its client is served."""
        address = self.node(self.other).address
        self.state(
            "db", lambda state: state.get("running") and state["host"] == address, MOVE_SECONDS_MAX
        )
        wait_for(lambda: self._primary() == address, f"the data is at {self.other}")
        self.at = self.other
        self.is_served()

    def is_served(self) -> None:
        """Wait until some more appends are acknowledged."""
        goal = len(self.journal.acknowledged) + APPENDS_MIN
        wait_for(lambda: len(self.journal.acknowledged) >= goal, "the client is served")

    def push(self) -> None:
        """Begin a move that takes some seconds, and wait until it pushes."""
        path = f"/flocker/{self.dataset_id}/ballast"
        script = f"head -c {BALLAST_MIB}M /dev/urandom >{path}; sync"
        self.node(self.at).run(["sh", "-euc", script])
        self.move(bandwidth_limit=BANDWIDTH_BYTES_PER_SECOND)
        wait_for(
            lambda: any(each.get("phase") == "pushing" for each in self.get("/state/moves")),
            "the push",
        )

    def there_and_back(self) -> None:
        """A move in both directions."""
        begun = time.monotonic()
        for _ in range(2):
            self.move()
            self.moved()
        print(f"  {self.combination()}: moved there and back in {timed(begun)}", flush=True)

    def upgrade(self, name: str) -> None:
        """Give a machine the new release; what is configured stays."""
        before = self._configured()
        self.replace(name, CHECKOUT)
        self.new[name] = True
        after = self._configured()
        assert after == before, f"{name} upgraded: {before} became {after}"

    def replace(self, name: str, checkout: Path) -> None:
        """Restart a machine's service with the programs of another checkout."""
        replace(self.node(name), checkout)
        self.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)

    def get(self, path: str) -> Any:
        """The answer of the REST API."""
        return json.loads(self._answer(Request(f"{self.player.api}{path}")).text)

    def ask(self, path: str, body: object) -> Answer:
        """POST, and what was answered, an error too."""
        return self._answer(
            Request(
                f"{self.player.api}{path}",
                json.dumps(body).encode(),
                {"Content-Type": "application/json"},
            )
        )

    def _answer(self, request: Request) -> Answer:
        try:
            with urlopen(request, timeout=ANSWER_SECONDS_MAX, context=self._trust) as answer:
                return Answer(answer.status, answer.read().decode())
        except HTTPError as error:
            return Answer(error.code, error.read().decode())

    def logs(self) -> str:
        """The ends of the services' logs."""
        tails = (f"{name}: {self.node(name).log_tail(service_of(name))}" for name in MACHINES)
        return "\n\n".join(tails)

    def complaints(self) -> list[str]:
        """What is wrong with what redis has in the end, and with who had it on the way."""
        self.journal.stop()
        stored = journal.read_all(self.node(self.at).address, PORT)
        return [*journal.complaints(self.journal.acknowledged, stored), *self.watcher.broken]

    def _primary(self) -> str | None:
        listed = {each["dataset_id"]: each for each in self.get("/state/datasets")}
        found = listed.get(self.dataset_id, {}).get("primary")
        return None if found is None else str(found)

    def _configured(self) -> Any:
        """What both releases say of the configuration."""
        (container,) = self.get("/configuration/containers")
        (dataset,) = self.get("/configuration/datasets")
        said = ("name", "host", "image", "command_line", "ports", "volumes", "restart_policy")
        return (
            {key: container[key] for key in said},
            {key: dataset[key] for key in ("dataset_id", "primary", "deleted")},
        )


def service_of(name: str) -> str:
    """The service of ours that a machine has."""
    return "flocker-control" if name.startswith("control") else "flocker-agent"


def replace(node: Node, checkout: Path) -> None:
    """Stop a machine's service, if it runs, and start it with the programs of another checkout."""
    service = service_of(node.name)
    if node.services()[service]:
        node.stop_service(service)
    node.install(checkout)
    node.start_service(service)


@contextmanager
def scene(old: Path) -> Iterator[Scene]:
    """A lab of the old release."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(NAME, SUBNET, certificates=True, pulled=True, release=old))
        made = Scene(lab, old)
        stack.callback(made.journal.stop)
        for standstill in made.standstills.values():
            stack.callback(standstill.remove)
            standstill.install()
        made.watcher.start()
        stack.callback(made.watcher.stop)
        made.open()
        yield made


def timed(begun: float) -> str:
    """How long something took."""
    return f"{time.monotonic() - begun:.1f} s"
