"""What clients get from control services that lead, do not lead, or have just stopped to."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from twisted.internet.defer import Deferred
from twisted.web.resource import IResource

from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.http import openapi
from flocker_lite.control.http.leader_resource import LeaderResource
from flocker_lite.control.store.leadership import TERM_STEP, Leader
from flocker_lite.control.term import Term
from tests.control.http.cluster import ADDRESS_1, RESTTestCase

DATASETS = "/v1/configuration/datasets"
ELSEWHERE = Leader("https://10.77.0.9:4523", "10.77.0.9:4524", 7, "session")


class FakeElection:
    """Who leads; the test says it."""

    leads = True
    leader: Leader | None = ELSEWHERE
    trouble = "no control service leads now"


async def counted() -> bytes:
    """What a follower counted."""
    return b"flocker_build_info 1\n"


class LeaderResourceTests(RESTTestCase):
    """One control service of several."""

    def setUp(self) -> None:
        self.who_leads = FakeElection()
        super().setUp()

    def resource(self) -> IResource:
        term = Term(7, lambda: self.who_leads.leads)
        self.served = LeaderResource(self.who_leads, counted)
        self.served.serving = self.api(term=term).resource()
        return self.served

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """An answer; redirects are not followed."""
        sent = self.treq.request(method, f"http://control{path}", allow_redirects=False, **options)
        response = self.successResultOf(sent)
        body = json.loads(self.successResultOf(response.content()))
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in response.headers.getAllRawHeaders()
        }
        return response.code, body, headers

    def test_the_leader(self) -> None:
        """It serves everything."""
        assert self.ask("GET", DATASETS)[0] == 200
        code, body, _ = self.ask("GET", "/v1/leader")
        assert (code, body) == (
            200,
            {"leads": True, "term": 7, "leader": "https://10.77.0.9:4523"},
        )

    def test_documented(self) -> None:
        """What each answers has the form that the document says."""
        document = openapi.load().content
        operation = document["paths"]["/leader"]["get"]["responses"]
        for leads, leader in ((True, ELSEWHERE), (False, ELSEWHERE), (False, None)):
            self.who_leads.leads, self.who_leads.leader = leads, leader
            code, body, _ = self.ask("GET", "/v1/leader")
            name = operation[str(code)]["$ref"].rpartition("/")[2]
            answer = document["components"]["responses"][name]["content"]["application/json"]
            schema = answer["schema"]["$ref"].rpartition("/")[2]
            jsonschema.validate(body, document["components"]["schemas"][schema])

    def test_a_follower(self) -> None:
        """It names the leader for every path, with the query, and changes nothing."""
        self.who_leads.leads = False
        for method, path in (
            ("GET", f"{DATASETS}?name=a%20b"),
            ("POST", DATASETS),
            ("DELETE", f"{DATASETS}/x"),
            ("GET", "/nonsense"),
            ("GET", "/v1/docs"),
        ):
            code, body, headers = self.ask(method, path)
            assert code == 307
            assert headers["location"] == f"https://10.77.0.9:4523{path}"
            assert "leads: ask there" in body["description"]
        assert self.control.configuration.datasets == {}

    def test_what_each_answers(self) -> None:
        """A follower says who leads, its own version, and its own metrics."""
        self.who_leads.leads = False
        assert self.ask("GET", "/v1/leader")[:2] == (
            503,
            {"leads": False, "term": 7, "leader": "https://10.77.0.9:4523"},
        )
        code, body, _ = self.ask("GET", "/v1/version")
        assert code == 200
        assert "flocker" in body
        sent = self.treq.request("GET", "http://control/metrics")
        response = self.successResultOf(sent)
        assert response.code == 200
        assert b"flocker_build_info" in self.successResultOf(response.content())

    def test_nobody_leads(self) -> None:
        """Then it says so, and when to ask again."""
        self.who_leads.leads, self.who_leads.leader = False, None
        code, body, headers = self.ask("POST", DATASETS)
        assert code == 503
        assert headers["retry-after"] == "1"
        assert body["description"].startswith("No control service leads now. Nothing was changed")
        assert self.ask("GET", "/v1/leader")[:2] == (503, {"leads": False})

    def test_it_is_about_to_lead(self) -> None:
        """Before it has loaded the configuration it leads nobody to itself."""
        self.served.serving = None
        code, _, headers = self.ask("GET", DATASETS)
        assert (code, headers["retry-after"]) == (503, "1")
        assert self.ask("GET", "/v1/leader")[0] == 503

    def test_a_write_that_took_too_long(self) -> None:
        """One that was read in time and done too late is not answered as done."""
        slow: Deferred[None] = Deferred()
        self.control.store.slow = slow
        sent = self.begin("POST", DATASETS, json={"primary": ADDRESS_1})
        self.who_leads.leads = False
        slow.callback(None)
        self.treq.flush()
        response = self.successResultOf(sent)
        assert response.code == 503
        said = self.successResultOf(response.json())["description"]
        assert "may have been done or not" in said
        assert response.headers.getRawHeaders("Retry-After") is None

    def test_a_read_that_took_too_long(self) -> None:
        """What was seen in time and would be said too late is not said, nor is a refusal."""
        generation = self.control.change_feed.generation
        for query in ("", "&limit=1", "&host=10.0.0.99"):
            self.who_leads.leads = True
            path = f"{DATASETS}?wait_for={generation}&timeout_seconds=1{query}"
            waiting = self.begin("GET", path)
            self.assertNoResult(waiting)
            self.who_leads.leads = False
            self.clock.advance(1)
            self.treq.flush()
            assert self.successResultOf(waiting).code == 503, path


def test_generations_of_two_terms() -> None:
    """What a client knows from one leader is never taken for something of the next one's."""
    first = ChangeFeed(1_700_000_000_000_000 / 1e6)
    for number in range(1000):
        first.claimed([f"dataset-{number}"])
    second = ChangeFeed((1_700_000_000_000_000 + TERM_STEP) / 1e6)
    second.claimed(["dataset-1"])
    assert second.since(first.generation, 10) is None
    assert second.has_changed("state/datasets", first.generation)
    assert first.since(second.generation, 10) is None
    assert first.has_changed("state/datasets", second.generation)
