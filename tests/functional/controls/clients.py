"""Clients that write through any of several control services, and note what they heard."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import requests

from tests.functional.crashes.background import Background
from tests.linearizability.history import Kind, Operation, Outcome

REGISTRIES = "/v1/configuration/registries"
REGISTER = "register.example"
FIRST = "v0"
ANSWER_SECONDS_MAX = 5.0
WRITES_PER_SECOND = 20.0
CLIENTS = 4
LOOK_SECONDS = 0.05


class Service:
    """Where the control services are, and the certificates of who asks them."""

    def __init__(
        self, bases: Sequence[str], verify: Path | None = None, cert: tuple[str, str] | None = None
    ) -> None:
        self.bases = tuple(bases)
        self._verify: bool | str = str(verify) if verify is not None else True
        self._cert = cert

    def session(self) -> requests.Session:
        """Connections of one client."""
        session = requests.Session()
        session.trust_env = False
        session.verify, session.cert = self._verify, self._cert
        return session


class Clients:
    """Some clients of one register and one set; their operations are in `history`."""

    def __init__(self, service: Service, seed: int) -> None:
        self.history: list[Operation] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._run = uuid4().hex[:8]  # what was written before is no change, and has an old tag
        self._clients = [_Client(self, service, Random(seed + each)) for each in range(CLIENTS)]

    def start(self) -> None:
        """Begin with the register as it is."""
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        """End; then read the register once more."""
        for client in self._clients:
            client.stop()
        self._clients[0].read_at_last()

    def new_value(self) -> str:
        """One that nobody else has."""
        with self._lock:
            return f"v{self._run}-{next(self._numbers)}"

    def note(self, operation: Operation) -> None:
        """Keep what was heard."""
        with self._lock:
            self.history.append(operation)

    @property
    def acknowledged(self) -> int:
        """How many writes were."""
        with self._lock:
            return sum(
                each.kind is not Kind.READ and each.outcome is Outcome.DONE for each in self.history
            )


class _Client(Background):
    def __init__(self, of: Clients, service: Service, random: Random) -> None:
        super().__init__()
        self._of = of
        self._service = service
        self._random = random
        self._session = service.session()
        self._known = 0

    def go_on(self) -> None:
        between = CLIENTS / WRITES_PER_SECOND
        while not self.stopping.is_set():
            began = time.monotonic()
            kind = self._random.choice([Kind.WRITE, Kind.WRITE_IF, Kind.WRITE_IF, Kind.APPEND])
            if kind is Kind.WRITE_IF or self._random.random() < 0.3:
                self._read()
            self._write(kind)
            self.stopping.wait(max(0.0, began + between - time.monotonic()))

    def _write(self, kind: Kind) -> None:
        value = self._of.new_value()
        body = {"registry": REGISTER, "user": value, "password": "x"}
        if kind is Kind.APPEND:
            body = {"registry": f"{value}.example", "user": "x", "password": "x"}
        expected = self._known if kind is Kind.WRITE_IF else 0
        if kind is Kind.WRITE_IF and not expected:
            return
        headers = {"X-If-Configuration-Matches": f"{self._cluster}-{expected}"} if expected else {}
        began = time.monotonic()
        outcome, version, _ = self._ask("POST", REGISTRIES, body, headers)
        if outcome is Outcome.DONE:
            self._known = version
        self._of.note(Operation(kind, value, began, time.monotonic(), outcome, version, expected))

    def _read(self) -> bool:
        began = time.monotonic()
        outcome, version, body = self._ask("GET", f"{REGISTRIES}/{REGISTER}", None, {})
        if outcome is Outcome.DONE:
            self._known = version
            operation = Operation(
                Kind.READ, body["user"], began, time.monotonic(), outcome, version
            )
            self._of.note(operation)
        return outcome is Outcome.DONE

    def read_at_last(self) -> None:
        """Read until there is an answer."""
        while not self._read():
            time.sleep(0.1)

    _cluster = ""

    def _ask(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[Outcome, int, Any]:
        """One request, through any of them, to wherever it sends us."""
        base = self._random.choice(self._service.bases)
        try:
            response = self._session.request(
                method, base + path, json=body, headers=headers, timeout=ANSWER_SECONDS_MAX
            )
            found = response.json()
        except (requests.RequestException, ValueError) as error:
            never_left = "NewConnectionError" in repr(error)
            return (Outcome.REFUSED if never_left else Outcome.UNKNOWN), 0, None
        if response.status_code in (200, 201):
            tag = response.headers["X-Configuration-Tag"]
            self._cluster, _, version = tag.rpartition("-")
            return Outcome.DONE, int(version), found
        if response.status_code == 412:
            current = str(found["description"]).rpartition("-")[2]
            return Outcome.MISMATCH, int(current), found
        if response.status_code == 503 and "Retry-After" not in response.headers:
            return Outcome.UNKNOWN, 0, found
        return Outcome.REFUSED, 0, found


def prepare(service: Service, seconds_max: float = 30.0) -> None:
    """Write the register's first value."""
    ends = time.monotonic() + seconds_max
    session = service.session()
    body = {"registry": REGISTER, "user": FIRST, "password": "x"}
    while True:
        try:
            response = session.post(
                service.bases[0] + REGISTRIES, json=body, timeout=ANSWER_SECONDS_MAX
            )
            if response.status_code == 201:
                return
        except requests.RequestException:
            pass
        assert time.monotonic() < ends, "no control service leads"
        time.sleep(0.1)


def appended(service: Service) -> list[str]:
    """What is in the set."""
    session = service.session()
    for base in itertools.cycle(service.bases):
        try:
            response = session.get(base + REGISTRIES, timeout=ANSWER_SECONDS_MAX)
            if response.status_code == 200:
                break
        except requests.RequestException:
            pass
        time.sleep(0.1)
    return [item["registry"].removesuffix(".example") for item in response.json()]


class Watch(Background):
    """Looks at one control service, twenty times a second, whether it says that it leads."""

    def __init__(self, service: Service, base: str) -> None:
        super().__init__()
        self.led_at: list[float] = []
        self._session, self._base = service.session(), base

    def go_on(self) -> None:
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                response = self._session.get(f"{self._base}/v1/leader", timeout=1.0)
                if response.status_code == 200:
                    self.led_at.append(time.monotonic())
            except requests.RequestException:
                pass
            self.stopping.wait(max(0.0, began + LOOK_SECONDS - time.monotonic()))


class Leaderless:
    """How long nobody led, each time: from the last answer of a leader to the next one's."""

    def __init__(self, service: Service) -> None:
        self._watches = [Watch(service, base) for base in service.bases]

    def start(self) -> None:
        """Begin to look."""
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        """Look no more."""
        for watch in self._watches:
            watch.stop()

    def await_leader(self, since: float, seconds_max: float) -> None:
        """Wait until one has led after that time."""
        ends = time.monotonic() + seconds_max
        while not any(watch.led_at and watch.led_at[-1] > since for watch in self._watches):
            assert time.monotonic() < ends, "no control service leads"
            time.sleep(LOOK_SECONDS)

    def since(self, began_at: float) -> float:
        """The longest time without a leader since then, in seconds."""
        led = sorted(at for watch in self._watches for at in list(watch.led_at) if at > began_at)
        moments = [began_at, *led]
        return max((b - a for a, b in itertools.pairwise(moments)), default=0.0)

    def leads_now(self, seconds: float = 0.5) -> int | None:
        """Which one led within the last moments."""
        newest = [max(list(watch.led_at), default=0.0) for watch in self._watches]
        latest = max(newest)
        return newest.index(latest) if latest > time.monotonic() - seconds else None
