"""One item instead of all; filters, pages, and waiting for a change."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap

from flocker_lite.control.http import request_response
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerState, DatasetState, MoveProgress, NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

DATASETS = "/configuration/datasets"
CONTAINERS = "/configuration/containers"
ERA = "eeeeeeee-0000-4000-8000-000000000001"
BAD_QUERY = "The query string has parameters with values that they cannot have."


def dataset_id(number: int) -> str:
    """The id of that dataset."""
    return f"dddddddd-0000-4000-8000-{number:012}"


class ReadingTestCase(RESTTestCase):
    """Four datasets, even ones on node 1, and a container on each node."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(4):
            body = {
                "dataset_id": dataset_id(number),
                "primary": (ADDRESS_1, ADDRESS_2)[number % 2],
                "metadata": {"name": f"name {number}"},
            }
            self.created(DATASETS, body)
        for name, host in (("web", ADDRESS_1), ("db", ADDRESS_2)):
            self.created(CONTAINERS, {"host": host, "name": name, "image": "a:1"})

    def report(self) -> None:
        """Both nodes report all that is on them."""
        for number, node_id in enumerate((NODE_1, NODE_2)):
            copies = {
                dataset_id(each): DatasetState(
                    dataset_id(each), Lease(Role.PRIMARY, 1), True, f"/flocker/{each}"
                )
                for each in (number, number + 2)
            }
            name = ("web", "db")[number]
            container = ContainerState(Container(name, node_id, "a:1"), True)
            moves = {dataset_id(0): MoveProgress(dataset_id(0), 8, "done", NODE_1, NODE_2)}
            state = NodeState(
                pmap(copies), pmap({name: container}), pmap(moves if number == 0 else {})
            )
            self.control.report(node_id, state, era=(ERA, "")[number])


class SingleTests(ReadingTestCase):
    """GET of one item."""

    def test_configured(self) -> None:
        """One item is what the list has under its id."""
        [zero] = [body for body in self.get(DATASETS) if body["dataset_id"] == dataset_id(0)]
        assert self.get(f"{DATASETS}/{dataset_id(0).upper()}") == zero
        [web] = [body for body in self.get(CONTAINERS) if body["name"] == "web"]
        assert self.get(f"{CONTAINERS}/web") == web

    def test_seen(self) -> None:
        """So it is with what agents see."""
        self.report()
        for collection, identity in (
            ("datasets", dataset_id(0)),
            ("containers", "web"),
            ("nodes", NODE_1),
            ("moves", dataset_id(0)),
        ):
            item = self.get(f"/state/{collection}/{identity}")
            assert item in self.get(f"/state/{collection}")

    def test_missing(self) -> None:
        """What is not there is a 404 that says what."""
        for path, description in (
            (DATASETS, "Dataset not found."),
            (CONTAINERS, "Container not found."),
            ("/configuration/leases", "Lease not found."),
            ("/state/datasets", "Dataset not found."),
            ("/state/containers", "Container not found."),
            ("/state/nodes", "Node not found."),
            ("/state/moves", "Move not found."),
            ("/state/nodes/by_era", "No node found with given era."),
        ):
            self.assert_refused(self.request("GET", f"/v1{path}/x"), 404, description)

    def test_by_era(self) -> None:
        """A node is found by the era that its agent said; another boot is another era."""
        self.report()
        assert self.get(f"/state/nodes/by_era/{ERA.upper()}") == {"uuid": NODE_1}
        self.control.report(NODE_1, NodeState(), era="f" + ERA[1:])
        reply = self.request("GET", f"/v1/state/nodes/by_era/{ERA}")
        self.assert_refused(reply, 404, "No node found with given era.")


class FilterTests(ReadingTestCase):
    """Query parameters that leave out something."""

    def ids(self, path: str, key: str = "dataset_id") -> list[str]:
        """What is left, in order."""
        return sorted(body[key] for body in self.get(path))

    def test_host(self) -> None:
        """Only what is on a node, by whatever name."""
        self.hosts["one.example"] = (ADDRESS_1,)
        even = [dataset_id(0), dataset_id(2)]
        for name in (ADDRESS_1, NODE_1, NODE_1.upper(), "one.example"):
            assert self.ids(f"{DATASETS}?host={name}") == even
            assert self.ids(f"{CONTAINERS}?host={name}", "name") == ["web"]
        self.report()
        assert self.ids(f"/state/datasets?host={ADDRESS_1}") == even
        assert self.ids(f"/state/containers?host={ADDRESS_2}", "name") == ["db"]
        assert self.ids(f"/state/nodes?host={ADDRESS_2}", "uuid") == [NODE_2]

    def test_unknown_host(self) -> None:
        """A node that is not there is a mistake, not an empty list."""
        for name in ("10.77.0.99", "typo.example"):
            reply = self.request("GET", f"/v1{DATASETS}?host={name}")
            description = "The provided primary node is not part of the cluster."
            self.assert_refused(reply, 400, description)

    def test_name(self) -> None:
        """The name of a container, and what a dataset's metadata calls it."""
        assert self.ids(f"{CONTAINERS}?name=db", "name") == ["db"]
        assert self.ids(f"{DATASETS}?name=name%203") == [dataset_id(3)]
        assert self.ids(f"{DATASETS}?name=name%203&host={ADDRESS_1}") == []

    def test_deleted(self) -> None:
        """Deleted datasets alone, or the others alone."""
        self.delete(f"{DATASETS}/{dataset_id(1)}")
        assert self.ids(f"{DATASETS}?deleted=true") == [dataset_id(1)]
        assert len(self.get(f"{DATASETS}?deleted=false")) == 3

    def test_bad_values(self) -> None:
        """A value that a parameter cannot have is refused; an unknown parameter is ignored."""
        for query, message in (
            ("limit=0", "limit: 0 is less than the minimum of 1"),
            ("limit=x", "limit: 'x' is not of type 'integer'"),
            ("limit=1&limit=2", "limit: given 2 times"),
            ("deleted=maybe", "deleted: 'maybe' is not of type 'boolean'"),
            ("timeout_seconds=nan", "timeout_seconds: 'nan' is no time"),
            ("wait_for=-1", "wait_for: '-1' is not of type 'integer'"),
        ):
            reply = self.request("GET", f"/v1{DATASETS}?{query}")
            assert reply.status == 400
            problems = reply.body.pop("problems")
            assert reply.body == {"description": BAD_QUERY, "errors": [message]}
            assert [each["path"] for each in problems] == [f"?{message.partition(':')[0]}"]
        assert len(self.get(f"{DATASETS}?junk=1")) == 4


class PageTests(ReadingTestCase):
    """Pages."""

    def pages(self, path: str) -> list[list[Any]]:
        """All pages, by their links."""
        pages = []
        url: str | None = f"/v1{path}"
        while url is not None:
            reply = self.request("GET", url)
            pages.append(reply.body)
            link = reply.headers.get("link")
            url = None if link is None else link.removeprefix("<").removesuffix('>; rel="next"')
        return pages

    def test_pages(self) -> None:
        """Pages are in the order of ids, and together they are all."""
        pages = self.pages(f"{DATASETS}?limit=3")
        assert [len(page) for page in pages] == [3, 1]
        ids = [body["dataset_id"] for page in pages for body in page]
        assert ids == [dataset_id(number) for number in range(4)]

    def test_exact(self) -> None:
        """The last page has no link, also when it is full."""
        assert [len(page) for page in self.pages(f"{DATASETS}?limit=2")] == [2, 2]

    def test_filtered(self) -> None:
        """Pages keep the filters."""
        pages = self.pages(f"{DATASETS}?limit=1&host={ADDRESS_2}&deleted=false")
        ids = [body["dataset_id"] for page in pages for body in page]
        assert ids == [dataset_id(1), dataset_id(3)]

    def test_after(self) -> None:
        """One may begin in the middle."""
        ids = [body["dataset_id"] for body in self.get(f"{DATASETS}?after={dataset_id(1)}")]
        assert ids == [dataset_id(2), dataset_id(3)]


class WaitingTests(ReadingTestCase):
    """?wait_for="""

    def generation(self) -> int:
        """That of the list of datasets."""
        return int(self.request("GET", f"/v1{DATASETS}").headers["x-generation"])

    def wait(self, query: str = "", path: str = DATASETS) -> Any:
        """Begin to wait for a change after now."""
        sent = self.begin("GET", f"/v1{path}?wait_for={self.generation()}{query}")
        self.treq.flush()
        return sent

    def answer(self, sent: Any, path: str = DATASETS) -> Any:
        """The body that is answered."""
        self.treq.flush()
        return self.reply(sent, "GET", f"/v1{path}").body

    def test_at_once(self) -> None:
        """What has changed already is answered at once."""
        before = self.generation()
        self.delete(f"{DATASETS}/{dataset_id(0)}")
        assert len(self.get(f"{DATASETS}?wait_for={before}")) == 4

    def test_next_change(self) -> None:
        """The answer comes with the next change, and has it."""
        sent = self.wait("&deleted=true")
        self.assertNoResult(sent)
        self.delete(f"{DATASETS}/{dataset_id(0)}")
        assert [body["dataset_id"] for body in self.answer(sent)] == [dataset_id(0)]

    def test_of_the_collection(self) -> None:
        """Changes of other collections are waited through."""
        sent = self.wait(path="/state/containers")
        self.delete(f"{DATASETS}/{dataset_id(0)}")
        self.treq.flush()
        self.assertNoResult(sent)
        self.report()
        assert self.answer(sent, "/state/containers")[0]["name"] == "web"

    def test_time_out(self) -> None:
        """After half a minute, or as long as is asked for, what there is is answered."""
        for query, seconds in (("", 30), ("&timeout_seconds=1.5", 1.5)):
            sent = self.wait(query)
            self.clock.advance(seconds - 0.1)
            self.treq.flush()
            self.assertNoResult(sent)
            self.clock.advance(0.2)
            assert len(self.answer(sent)) == 4
        assert self.control.change_feed.waiting_count == 0

    def test_unknown_generation(self) -> None:
        """A generation of an earlier process, or of none, is answered at once."""
        for generation in (0, self.generation() + 10**9):
            assert len(self.get(f"{DATASETS}?wait_for={generation}")) == 4

    def test_client_hangs_up(self) -> None:
        """Nobody waits for a client that has gone."""
        sent = self.wait()
        assert self.control.change_feed.waiting_count == 1
        sent.addErrback(lambda _: None)
        sent.cancel()
        self.treq.flush()
        assert self.control.change_feed.waiting_count == 0

    def test_too_many(self) -> None:
        """Only so many may wait."""
        for _ in range(request_response.WATCHERS_MAX):
            self.control.change_feed.next_change()
        reply = self.request("GET", f"/v1{DATASETS}?wait_for={self.generation()}")
        description = "1000 requests already wait for changes: end some, or try again later."
        self.assert_refused(reply, 503, description)
