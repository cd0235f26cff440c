"""What nodes have set aside, in the REST API."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.model.state import AsideState, NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

D = "dddddddd-0000-4000-8000-000000000001"
OTHER = "dddddddd-0000-4000-8000-000000000002"
NAME = f"{D}.trial-1732816800"
ELSEWHERE = f"{OTHER}.diverged-1732816900"
SHOWN = {
    "name": NAME,
    "host": ADDRESS_1,
    "dataset_id": D,
    "reason": "trial",
    "since": 1732816800,
    "bytes": 4096,
}
COLLECTION = "/state/set_aside"
ITEM = f"{COLLECTION}/{NAME}"


class AsidesTests(RESTTestCase):
    """Two datasets; of each a node has something set aside."""

    def setUp(self) -> None:
        super().setUp()
        for dataset_id in (D, OTHER):
            desired = {"primary": ADDRESS_1, "dataset_id": dataset_id}
            self.created("/configuration/datasets", desired)
        self.trial = AsideState(D, "trial", 1732816800, 4096)
        self.diverged = AsideState(OTHER, "diverged", 1732816900, 0)
        self.report(NODE_1, {NAME: self.trial})
        self.report(NODE_2, {ELSEWHERE: self.diverged})

    def report(self, node_id: str, asides: dict[str, AsideState]) -> None:
        """A node has these, and nothing else."""
        self.control.report(node_id, NodeState(set_aside=pmap(asides)))

    def deleting(self) -> set[tuple[str, str]]:
        """Which are to be destroyed, and where."""
        return {(each["name"], each["host"]) for each in self.get(COLLECTION) if "deleting" in each}

    def test_shown(self) -> None:
        """Each with where it is, of what, why, since when, and what it takes up."""
        assert self.get(ITEM) == SHOWN
        shown = self.get(COLLECTION)
        assert sorted(each["name"] for each in shown) == [NAME, ELSEWHERE]

    def test_chosen(self) -> None:
        """By node, by dataset, and in pages."""
        assert self.get(f"{COLLECTION}?host={ADDRESS_1}") == [SHOWN]
        assert self.get(f"{COLLECTION}?dataset_id={D.upper()}") == [SHOWN]
        assert self.get(f"{COLLECTION}?limit=1") == [SHOWN]

    def test_missing(self) -> None:
        """What nobody has is not found, nor to be destroyed."""
        path = f"{COLLECTION}/{D}.trial-1"
        assert self.request("GET", path).status == 404
        assert self.delete(path).status == 404
        assert self.delete(f"{ITEM}?host={ADDRESS_2}").status == 404

    def test_deleted(self) -> None:
        """It is to be destroyed, which may be said again; when its node has it no more, all is
        over, and whoever watches hears of both."""
        before = self.control.change_feed.generation
        for _ in range(2):
            answer = self.delete(ITEM)
            assert (answer.status, answer.body) == (200, {**SHOWN, "deleting": True})
        assert self.deleting() == {(NAME, ADDRESS_1)}
        assert self.control.change_feed.has_changed("state/set_aside", before)
        before = self.control.change_feed.generation
        self.report(NODE_1, {})
        assert self.request("GET", ITEM).status == 404
        assert self.control.configuration.discards == pmap()
        assert self.control.change_feed.has_changed("state/set_aside", before)

    def test_two_of_a_name(self) -> None:
        """Of two nodes with one of that name it is to be said which is meant."""
        self.report(NODE_2, {NAME: self.trial})
        answer = self.delete(ITEM)
        assert answer.status == 409
        assert f"{ADDRESS_1}, {ADDRESS_2}" in answer.body["description"]
        assert self.delete(f"{ITEM}?host={NODE_2}").body["host"] == ADDRESS_2
        assert self.deleting() == {(NAME, ADDRESS_2)}
        assert self.delete(f"{ITEM}?host={ADDRESS_1}").body["host"] == ADDRESS_1
        self.report(NODE_2, {})
        assert self.deleting() == {(NAME, ADDRESS_1)}

    def test_with_its_dataset(self) -> None:
        """All of a dataset goes with it when the request says so, and none of others."""
        self.report(NODE_2, {NAME: self.trial, ELSEWHERE: self.diverged})
        path = f"/configuration/datasets/{D}"
        assert self.delete(path).status == 200
        assert self.deleting() == set()
        assert self.delete(f"{path}?set_aside=keep").status == 400
        assert self.delete(f"{path}?set_aside=delete").status == 200
        assert self.deleting() == {(NAME, ADDRESS_1), (NAME, ADDRESS_2)}
