"""Stops, starts and restarts of containers in the REST API."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model.editing import edited
from flocker_lite.model.records import Change, Ended
from tests.control.http.cluster import ADDRESS_1, RESTTestCase

CONTAINERS = "/configuration/containers"


class LifeTests(RESTTestCase, SynchronousTestCase):
    """A container is configured."""

    def setUp(self) -> None:
        super().setUp()
        self.created(CONTAINERS, {"host": ADDRESS_1, "name": "db", "image": "redis"})

    def test_running(self) -> None:
        """It is shown when it is not to run; to run it again is a restart."""
        assert "running" not in self.get(f"{CONTAINERS}/db")
        reply = self.post(f"{CONTAINERS}/db", {"running": False})
        assert (reply.status, reply.body["running"]) == (200, False)
        body = self.post(f"{CONTAINERS}/db", {"running": True}).body
        assert ("running" in body, body["restart_generation"]) == (False, 1)
        body = self.post(f"{CONTAINERS}/db", {"running": True}).body
        assert body["restart_generation"] == 1
        assert self.post(f"{CONTAINERS}/db", {"running": "no"}).status == 400
        assert self.post(f"{CONTAINERS}/db", {"restart_generation": 7}).status == 400

    def test_created_stopped(self) -> None:
        """A container may be stopped from the beginning."""
        body = {"host": ADDRESS_1, "name": "web", "image": "nginx", "running": False}
        self.created(CONTAINERS, body)
        assert self.get(f"{CONTAINERS}/web")["running"] is False

    def test_restart(self) -> None:
        """Each restart has its number; a repeated conditional one is refused."""
        tag = self.request("GET", f"/v1{CONTAINERS}").headers["x-configuration-tag"]
        condition = {"X-If-Configuration-Matches": tag}
        path = f"/v1{CONTAINERS}/db/restart"
        reply = self.request("POST", path, headers=condition)
        assert (reply.status, reply.body["restart_generation"]) == (200, 1)
        assert self.request("POST", path, headers=condition).status == 412
        assert self.request("POST", path).body["restart_generation"] == 2

    def test_refused_restarts(self) -> None:
        """One of a container that should not run, or is not there."""
        self.post(f"{CONTAINERS}/db", {"running": False})
        reply = self.request("POST", f"/v1{CONTAINERS}/db/restart")
        assert reply.status == 409
        assert "running" in reply.body["description"]
        assert self.request("POST", f"/v1{CONTAINERS}/nobody/restart").status == 404

    def test_retry(self) -> None:
        """It is counted where no answer shows it; a repeated conditional one is refused."""
        tag = self.request("GET", f"/v1{CONTAINERS}").headers["x-configuration-tag"]
        condition = {"X-If-Configuration-Matches": tag}
        path = f"/v1{CONTAINERS}/db/retry"
        reply = self.request("POST", path, headers=condition)
        assert (reply.status, reply.body) == (200, self.get(f"{CONTAINERS}/db"))
        assert self.request("POST", path, headers=condition).status == 412
        assert self.request("POST", path).status == 200
        assert self.control.configuration.containers["db"].retry_generation == 2

    def test_refused_retries(self) -> None:
        """One of a container that is stopped, has ended or is not there."""
        path = f"/v1{CONTAINERS}/db/retry"
        assert self.request("POST", f"/v1{CONTAINERS}/nobody/retry").status == 404
        self.post(f"{CONTAINERS}/db", {"running": False})
        reply = self.request("POST", path)
        assert (reply.status, "running" in reply.body["description"]) == (409, True)
        self.post(f"{CONTAINERS}/db", {"running": True})
        containers = self.control.configuration.containers
        ended = replace(containers["db"], ended=Ended(3, 1.0))
        self.successResultOf(
            Deferred.fromCoroutine(
                self.control.edit(lambda c: edited(c, [Change("containers", "db", ended)]))
            )
        )
        reply = self.request("POST", path)
        assert reply.status == 409
        assert "restart it" in reply.body["description"]
        assert "exit code 3" in reply.body["problems"][0]["message"]
