"""Writes that are wanted only if nothing has changed meanwhile."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, Reply, RESTTestCase

DATASET = "dddddddd-0000-4000-8000-00000000000a"
DATASETS = "/configuration/datasets"
CONTAINERS = "/configuration/containers"
LEASES = "/configuration/leases"
CREATE = {"dataset_id": DATASET, "primary": ADDRESS_1}
CONTAINER = {"host": ADDRESS_1, "name": "web", "image": "a:1"}
LEASE = {"dataset_id": DATASET, "node_uuid": NODE_1, "expires": None}

WRITES: tuple[tuple[str, str, Any], ...] = (
    ("POST", DATASETS, CREATE),
    ("POST", f"{DATASETS}/{DATASET}", {"metadata": {"a": "b"}}),
    ("POST", LEASES, LEASE),
    ("DELETE", f"{LEASES}/{DATASET}", None),
    ("DELETE", f"{DATASETS}/{DATASET}", None),
    ("POST", CONTAINERS, CONTAINER),
    ("POST", f"{CONTAINERS}/web", {"host": ADDRESS_2}),
    ("DELETE", f"{CONTAINERS}/web", None),
)


class TagTests(RESTTestCase):
    """X-Configuration-Tag and X-If-Configuration-Matches."""

    def tag(self, path: str = DATASETS) -> str:
        """The tag in the answer to a GET."""
        return self.request("GET", f"/v1{path}").headers["x-configuration-tag"]

    def write(self, method: str, path: str, body: Any, *tags: str) -> Reply:
        """A write on the condition that the configuration has one of these tags."""
        options: dict[str, Any] = {"headers": {"X-If-Configuration-Matches": list(tags)}}
        if body is not None:
            options["json"] = body
        return self.request(method, f"/v1{path}", **options)

    def test_every_write(self) -> None:
        """Every write is refused when the tag is another, and answers the new one when not."""
        for method, path, body in WRITES:
            now = self.tag()
            reply = self.write(method, path, body, "old")
            description = f"Tag doesn't match. Required: old, current: {now}"
            self.assert_refused(reply, 412, description)
            assert self.tag() == now
            reply = self.write(method, path, body, now)
            assert reply.status in (200, 201)
            assert reply.headers["x-configuration-tag"] == self.tag()
            assert self.tag() != now

    def test_every_read(self) -> None:
        """Every answer of what is configured has the tag, and of what is seen, none."""
        self.created(DATASETS, CREATE)
        for path in (DATASETS, f"{DATASETS}/{DATASET}", CONTAINERS, LEASES):
            assert self.tag(path) == self.control.tag
        assert "x-configuration-tag" not in self.request("GET", "/v1/state/datasets").headers

    def test_any(self) -> None:
        """One of several tags is enough."""
        now = self.tag()
        assert self.write("POST", DATASETS, CREATE, "old", now).status == 201
        reply = self.write("POST", DATASETS, CREATE, "older", now)
        description = f"Tag doesn't match. Required: older, {now}, current: {self.tag()}"
        self.assert_refused(reply, 412, description)

    def test_before_the_body(self) -> None:
        """The tag is looked at before the body is."""
        headers = {"X-If-Configuration-Matches": "old", "Content-Type": "text/plain"}
        reply = self.request("POST", f"/v1{DATASETS}", data=b"{", headers=headers)
        assert reply.status == 412

    def test_nothing_changed(self) -> None:
        """A write that changes nothing leaves the tag."""
        created = self.created(DATASETS, CREATE)
        now = self.tag()
        reply = self.write("POST", f"{DATASETS}/{DATASET}", {"primary": created["primary"]}, now)
        assert (reply.status, reply.headers["x-configuration-tag"]) == (200, now)

    def test_race(self) -> None:
        """Of two writes with one tag that are there at once, one is made."""
        now = self.tag()
        headers = {"X-If-Configuration-Matches": now}
        self.control.store.slow = Deferred()
        bodies = ({"primary": ADDRESS_1}, {"primary": ADDRESS_2})
        sent = [self.begin("POST", f"/v1{DATASETS}", json=body, headers=headers) for body in bodies]
        self.treq.flush()
        slow, self.control.store.slow = self.control.store.slow, None
        slow.callback(None)
        self.treq.flush()
        replies = [self.reply(each, "POST", f"/v1{DATASETS}") for each in sent]
        assert [reply.status for reply in replies] == [201, 412]
        assert len(self.get(DATASETS)) == 1
