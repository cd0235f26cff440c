"""What holds for every route: content types, bodies, methods, and errors."""

from __future__ import annotations

import gc
import json
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite import __version__
from flocker_lite.control.http.app import RESTAPI, site, unbroken
from flocker_lite.control.http.channel import BODY_BYTES_MAX
from flocker_lite.control.store.errors import DiskFull
from flocker_lite.errors import StoreError
from tests.control.http.cluster import (
    ADDRESS_1,
    MemoryControl,
    Reply,
    RESTTestCase,
    two_nodes,
)

WRONG_TYPE = "The request Content-Type was not a supported type (application/json)."
NOT_JSON = (
    "The request body could not be decoded according to the value of the\nContent-Type header."
)
DATASETS = "/v1/configuration/datasets"
BODY = json.dumps({"primary": ADDRESS_1}).encode()


class VersionTests(RESTTestCase):
    """GET /v1/version"""

    def test_version(self) -> None:
        """It says the release, and nothing else."""
        assert self.get("/version") == {"flocker": __version__}


class LeaderTests(RESTTestCase):
    """GET /v1/leader"""

    def test_alone(self) -> None:
        """A control service that is alone leads."""
        assert self.get("/leader") == {"leads": True}


class ContentTypeTests(RESTTestCase):
    """The header Content-Type of a POST."""

    def send(self, *content_types: str) -> Reply:
        """POST a good body with these headers."""
        return self.request(
            "POST", DATASETS, data=BODY, headers={"Content-Type": list(content_types)}
        )

    def test_json(self) -> None:
        """JSON is accepted, with the charset that JSON has, in any case."""
        for content_type in (
            "application/json",
            "application/json; charset=utf-8",
            'application/json;charset="UTF-8"',
            "Application/JSON",
        ):
            assert self.send(content_type).status == 201

    def test_others(self) -> None:
        """Anything else is refused."""
        for content_type in (
            "application/x-www-form-urlencoded",
            "application/json2",
            "application/json; charset=latin-1",
            "text/plain",
            "",
        ):
            self.assert_refused(self.send(content_type), 400, WRONG_TYPE)

    def test_none_or_two(self) -> None:
        """There must be exactly one."""
        self.assert_refused(self.send(), 400, WRONG_TYPE)
        self.assert_refused(self.send("application/json", "application/json"), 400, WRONG_TYPE)

    def test_before_the_body(self) -> None:
        """It is looked at before the body is."""
        headers = {"Content-Type": "text/plain"}
        reply = self.request("POST", DATASETS, data=b"{", headers=headers)
        self.assert_refused(reply, 400, WRONG_TYPE)

    def test_answer(self) -> None:
        """Every answer is JSON, and says so without a charset."""
        reply = self.request("GET", DATASETS)
        assert reply.headers["content-type"] == "application/json"


class BodyTests(RESTTestCase):
    """The body of a request."""

    def send(self, body: bytes) -> Reply:
        """POST it as JSON."""
        headers = {"Content-Type": "application/json"}
        return self.request("POST", DATASETS, data=body, headers=headers)

    def test_not_json(self) -> None:
        """What is no JSON, or no text, is refused."""
        for body in (b"", b"{", b"\xff", b'{"primary": NaN}', b'"\\ud800"', b"[" * 100_000):
            self.assert_refused(self.send(body), 400, NOT_JSON)

    def test_not_an_object(self) -> None:
        """JSON that is no object does not match the schema."""
        self.assert_invalid(self.send(b"[]"), "[] is not of type 'object'")
        self.assert_invalid(self.send(b"null"), "None is not of type 'object'")

    def test_every_violation(self) -> None:
        """Each violation has a message."""
        body = {"junk": 1, "maximum_size": 1, "metadata": 5}
        reply = self.send(json.dumps(body).encode())
        assert sorted(reply.body["errors"]) == [
            "'primary' is a required property",
            "1 is less than the minimum of 67108864",
            "5 is not of type 'object'",
            "Additional properties are not allowed ('junk' was unexpected)",
        ]

    def test_too_long(self) -> None:
        """A body that is too long is refused, however good it is."""
        padding = b" " * (BODY_BYTES_MAX - len(BODY))
        assert self.send(BODY + padding).status == 201
        description = f"The request body is longer than {BODY_BYTES_MAX} bytes."
        self.assert_refused(self.send(BODY + padding + b" "), 413, description)

    def test_ignored(self) -> None:
        """GET and DELETE look at neither content type nor body."""
        for method in ("GET", "DELETE"):
            headers = {"Content-Type": "text/plain"}
            reply = self.request(method, f"{DATASETS}", data=b"{", headers=headers)
            assert reply.status == (200 if method == "GET" else 405)


class RoutingTests(RESTTestCase):
    """Paths and methods."""

    def test_unknown_paths(self) -> None:
        """What is not there is a 404, as JSON."""
        description = "There is nothing at this path; see /v1/docs."
        for path in (
            "/v1",
            "/v1/",
            "/v1/version/",
            f"{DATASETS}/",
            "/v1//version",
            "/v2/version",
            "/v1/%ff",
            "/v1/configuration/containers/a%2Fb",
        ):
            self.assert_refused(self.request("GET", path), 404, description)

    def test_wrong_methods(self) -> None:
        """A method that a path does not have is a 405, as JSON, with those that it has."""
        for method, path, allowed in (
            ("PUT", DATASETS, "GET, HEAD, POST"),
            ("PUT", f"{DATASETS}/x", "DELETE, GET, HEAD, POST"),
            ("PATCH", "/v1/configuration/containers/x", "DELETE, GET, HEAD, POST"),
            ("POST", "/v1/version", "GET, HEAD"),
            ("OPTIONS", "/v1/state/nodes", "GET, HEAD"),
        ):
            reply = self.request(method, path)
            self.assert_refused(reply, 405, f"Here there is only {allowed}.")
            assert reply.headers["allow"] == allowed

    def test_head(self) -> None:
        """HEAD is GET without a body."""
        for path in ("/v1/version", DATASETS, "/v1/state/moves"):
            reply = self.request("HEAD", path)
            assert (reply.status, reply.content) == (200, b"")
            assert reply.headers["content-type"] == "application/json"
            length = len(self.request("GET", path).content)
            assert reply.headers["content-length"] == str(length)

    def test_query(self) -> None:
        """What is unknown in a query string is ignored by a read, and refused by a write."""
        assert self.get("/version?a=b") == {"flocker": __version__}
        reply = self.request(
            "POST", f"{DATASETS}?x", data=BODY, headers={"Content-Type": "application/json"}
        )
        assert reply.status == 400
        assert reply.body["errors"] == ["x: unknown"]
        assert self.get("/configuration/datasets") == []


class FailureTests(RESTTestCase):
    """What goes wrong behind the API."""

    def refuse(self, error: Exception) -> Reply:
        """A good request, which fails with this error."""
        self.control.store.error = error
        return self.post("/configuration/datasets", {"primary": ADDRESS_1})

    def test_store(self) -> None:
        """What cannot be made durable is said, as the server's condition."""
        self.assert_refused(self.refuse(StoreError("the disk is gone")), 503, "the disk is gone")

    def test_disk_full(self) -> None:
        """That there is no room has a status of its own."""
        self.assert_refused(self.refuse(DiskFull("make room")), 507, "make room")

    def test_unforeseen(self) -> None:
        """Any other error is logged, and the answer is the id to find it by, and no detail."""
        reply = self.refuse(ZeroDivisionError("secret"))
        assert reply.status == 500
        [logged] = self.flushLoggedErrors(ZeroDivisionError)
        assert str(logged.value) == "secret"
        assert len(reply.body) == len("d2812d7b-25a5-4745-b099-8d5871aa602e")
        assert reply.headers["content-type"] == "application/json"


class UnbrokenTests(SynchronousTestCase):
    """Work that goes on when nobody waits for it any more."""

    def test_outcome(self) -> None:
        """The outcome is passed on."""
        assert self.successResultOf(unbroken(succeed(5))) == 5
        self.failureResultOf(unbroken(fail(ZeroDivisionError())), ZeroDivisionError)

    def test_cancelled(self) -> None:
        """Cancelling ends the waiting at once, and does not touch the work."""
        work: Deferred[int] = Deferred()
        waiting = unbroken(work)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        assert not work.called
        work.callback(5)

    def test_failure_after_cancel(self) -> None:
        """A failure for which nobody waits is logged."""
        work: Deferred[int] = Deferred()
        waiting = unbroken(work)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        work.errback(ZeroDivisionError())
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1


class SiteTests(SynchronousTestCase):
    """The factory that is listened with."""

    def setUp(self) -> None:
        clock = Clock()
        self.control = MemoryControl(two_nodes(), clock)

        async def resolve(name: str) -> tuple[str, ...]:
            return ()

        factory: Any = site(RESTAPI(self.control, clock, resolve))
        made = factory.requestFactory
        self.requests: list[Any] = []

        def remembered(*args: Any) -> Any:
            self.requests.append(made(*args))
            return self.requests[-1]

        factory.requestFactory = remembered
        self.channel: Any = factory.buildProtocol(None)
        self.transport = StringTransport()
        # No reactor: its time-outs are Twisted's own, and tested there.
        self.channel.callLater = lambda *args, **kwargs: None
        self.channel.timeOut = None
        self.channel.makeConnection(self.transport)

    def send(self, head: bytes, body: bytes) -> bytes:
        """What is answered to these bytes."""
        self.channel.dataReceived(head + b"\r\nHost: control\r\n\r\n" + body)
        return self.transport.value()

    def test_get(self) -> None:
        """It serves the API."""
        answer = self.send(b"GET /v1/version HTTP/1.1", b"")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(json.dumps({"flocker": __version__}).encode())

    def test_endless_body(self) -> None:
        """Of a body that is too long no more is kept than is needed to refuse it."""
        head = b"POST /v1/configuration/datasets HTTP/1.1\r\nContent-Type: application/json"
        size = 3 * BODY_BYTES_MAX
        self.send(head + b"\r\nContent-Length: %d" % size, b" " * (size - 1))
        [request] = self.requests
        assert request.content.tell() == BODY_BYTES_MAX + 1
        self.channel.dataReceived(b" ")
        assert self.transport.value().startswith(b"HTTP/1.1 413 ")

    def test_client_hangs_up(self) -> None:
        """An edit goes on when its client does not wait for it."""
        self.control.store.slow = Deferred()
        head = b"POST /v1/configuration/datasets HTTP/1.1\r\nContent-Type: application/json"
        self.send(head + b"\r\nContent-Length: %d" % len(BODY), BODY)
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.control.store.slow.callback(None)
        assert len(self.control.configuration.datasets) == 1
        gc.collect()
        assert self.flushLoggedErrors() == []
