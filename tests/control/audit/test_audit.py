"""Who changed what: what is remembered of requests, for how long, and where."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource

from flocker_lite.control.audit import log as audit_log
from flocker_lite.control.audit.entry import AuditEntry, from_text, to_text
from flocker_lite.control.audit.file import FILE_NAME, AuditFile
from flocker_lite.control.audit.log import AuditLog
from flocker_lite.errors import StoreError
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, RESTTestCase

ENTRY = AuditEntry(1.5, "alice", "10.0.0.1", "r1", "create_container", "POST", "/v1/x", 201)


class AuditTests(RESTTestCase):
    """The REST API of a user called alice."""

    may_write = True

    def resource(self) -> IResource:
        return self.api(
            audit=self.control.audit,
            user_of=lambda _: "alice",
            may_write=lambda _: self.may_write,
        ).resource()

    def create(self, **more: Any) -> Any:
        """A container on the first node."""
        body = {"host": ADDRESS_1, "name": "web", "image": "nginx", **more}
        return self.post("/configuration/containers", body, headers={"X-Request-Id": "mine.1"})

    def test_a_change(self) -> None:
        """Who, when, from where, what, and how it ended; found by the id of the request."""
        reply = self.create()
        assert reply.headers["x-request-id"] == "mine.1"
        [entry] = self.get("/state/audit")
        address = entry.pop("address")
        assert isinstance(address, str)
        assert entry == {
            "id": "1",
            "at": self.clock.seconds(),
            "user": "alice",
            "request_id": "mine.1",
            "operation": "create_container",
            "method": "POST",
            "path": "/v1/configuration/containers",
            "about": "web",
            "status": 201,
            "given": {"host": ADDRESS_1, "name": "web", "image": "nginx"},
        }
        assert self.get("/state/audit/1")["about"] == "web"
        self.assert_refused(
            self.request("GET", "/v1/state/audit/7"),
            404,
            "There is no such entry in the audit, or no more.",
        )
        assert self.request("GET", "/v1/state/audit/nonsense").status == 404

    def test_secrets(self) -> None:
        """No value is kept that may be one; the names of their keys are."""
        self.create(environment={"PASSWORD": "hunter2"}, command_line=["run", "hunter2"])
        self.post("/configuration/secrets", {"name": "pg", "value": "hunter2"})
        reply = self.request("GET", "/v1/state/audit")
        assert b"hunter2" not in reply.content
        assert [entry.get("also") for entry in reply.body] == [
            ["value"],
            ["command_line", "environment"],
        ]

    def test_refused(self) -> None:
        """A request that changed nothing is there with what its answer said."""
        self.create()
        self.create()
        self.post("/configuration/containers", {"nonsense": 1})
        self.may_write = False
        self.delete("/configuration/containers/web")
        self.control.store.error = StoreError("no disk")
        self.may_write = True
        self.delete("/configuration/containers/web")
        found = self.get("/state/audit")
        assert [entry["status"] for entry in found] == [503, 403, 400, 409, 201]
        assert found[0]["error"] == "no disk"
        assert found[1]["error"] == "Your certificate is that of a read-only user."
        assert "given" not in found[2]

    def test_what_only_asks(self) -> None:
        """Reads and dry runs are no changes."""
        self.create()
        self.get("/configuration/containers")
        self.post("/configuration/containers/web?dry_run=1", {"host": ADDRESS_2})
        assert len(self.get("/state/audit")) == 1

    def test_pages_and_users(self) -> None:
        """Newest first, in pages; by user."""
        for number in range(3):
            self.create(name=f"web-{number}")
        reply = self.request("GET", "/v1/state/audit?limit=2&user=alice")
        assert [entry["about"] for entry in reply.body] == ["web-2", "web-1"]
        after = reply.headers["link"].partition("<")[2].partition(">")[0]
        assert [entry["about"] for entry in self.request("GET", after).body] == ["web-0"]
        assert self.get("/state/audit?user=bob") == []

    def test_since(self) -> None:
        """Only what is not older, though the clock was set back between; in pages too."""
        for number, at in enumerate((100.0, 300.0, 200.0)):
            self.control.audit.note(replace(ENTRY, at=at, about=f"web-{number}"))
        found = self.get("/state/audit?since=150")
        assert [entry["about"] for entry in found] == ["web-2", "web-1"]
        reply = self.request("GET", "/v1/state/audit?since=150&limit=1")
        assert [entry["about"] for entry in reply.body] == ["web-2"]
        after = reply.headers["link"].partition("<")[2].partition(">")[0]
        assert [entry["about"] for entry in self.request("GET", after).body] == ["web-1"]
        assert self.get("/state/audit?since=301") == []
        for wrong in ("yesterday", "-1", "1.5"):
            assert self.request("GET", f"/v1/state/audit?since={wrong}").status == 400

    def test_events(self) -> None:
        """Each entry is in the change feed."""
        generation = self.control.change_feed.generation
        self.create()
        assert self.control.change_feed.has_changed("state/audit", generation)

    def test_request_ids(self) -> None:
        """What is no short word gets another one; answers that are errors have one too."""
        for given in ("x" * 65, "a b", "<script>"):
            reply = self.request("GET", "/v1/version", headers={"X-Request-Id": given})
            assert len(reply.headers["x-request-id"]) == 32
        assert "x-request-id" in self.request("GET", "/v1/nothing").headers

    def test_who_one_is(self) -> None:
        """By the certificate."""
        assert self.get("/user") == {"user": "alice", "may_write": True, "sees_secrets": True}
        self.may_write = False
        assert self.get("/user")["may_write"] is False


class FileTests(SynchronousTestCase):
    """The audit on a real disk."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)

    def open(self) -> AuditLog:
        """The audit as a service finds it that starts."""
        audit = AuditLog()
        opening = Deferred.fromCoroutine(audit.open(AuditFile(self.folder), _at_once))
        self.successResultOf(opening)
        return audit

    def close(self, audit: AuditLog) -> None:
        """The service stops."""
        self.successResultOf(Deferred.fromCoroutine(audit.close()))

    def test_a_restart(self) -> None:
        """It remembers, and counts on."""
        audit = self.open()
        audit.note(ENTRY)
        self.close(audit)
        audit = self.open()
        assert audit.entry("1") == ENTRY
        audit.note(ENTRY)
        assert list(audit.newest_first()) == ["2", "1"]
        self.close(audit)

    def test_bounded(self) -> None:
        """The oldest entry goes, on disk too; refused requests push out only their like."""
        self.patch(audit_log, "DONE_MAX", 3)
        self.patch(audit_log, "REFUSED_MAX", 2)
        audit = self.open()
        refused = AuditEntry(2.0, None, "", "r", "o", "POST", "/", 403)
        for each in (ENTRY, ENTRY, ENTRY, ENTRY, refused, refused, refused):
            audit.note(each)
        assert list(audit.newest_first()) == ["7", "6", "4", "3", "2"]
        self.close(audit)
        audit = self.open()
        assert list(audit.newest_first()) == ["7", "6", "4", "3", "2"]
        self.close(audit)

    def test_one_write_at_a_time(self) -> None:
        """What comes meanwhile is written together afterwards, and before the end."""
        calls: list[tuple[Deferred[Any], Any, Any]] = []

        def run(function: Any, *arguments: Any) -> Deferred[Any]:
            if function.__name__ != "write":
                return maybeDeferred(function, *arguments)
            done: Deferred[Any] = Deferred()
            calls.append((done, function, arguments))
            return done

        audit = AuditLog()
        self.successResultOf(Deferred.fromCoroutine(audit.open(AuditFile(self.folder), run)))
        for _ in range(3):
            audit.note(ENTRY)
        closing = Deferred.fromCoroutine(audit.close())
        assert len(calls) == 1
        for index in range(2):
            self.assertNoResult(closing)
            done, function, arguments = calls[index]
            function(*arguments)
            done.callback(None)
        self.successResultOf(closing)
        assert [len(arguments[0]) for _, _, arguments in calls] == [1, 2]

    def test_a_disk_that_is_full(self) -> None:
        """It says so, and goes on in memory."""
        audit = self.open()
        audit._file.close()  # type: ignore[union-attr]
        audit._run_in_thread = _failing
        audit.note(ENTRY)
        assert audit.entry("1") == ENTRY

    def test_damage(self) -> None:
        """An entry that cannot be read is left out; a file that is none is an OSError."""
        audit = self.open()
        audit.note(ENTRY)
        audit.note(ENTRY)
        self.close(audit)
        with sqlite3.connect(self.folder / FILE_NAME) as connection:
            connection.execute("UPDATE audit SET entry = 'nonsense' WHERE number = 1")
        connection.close()
        audit = self.open()
        assert list(audit.newest_first()) == ["2"]
        self.close(audit)
        for path in self.folder.iterdir():
            path.unlink()
        (self.folder / FILE_NAME).write_bytes(b"nonsense" * 200)
        with pytest.raises(OSError, match=FILE_NAME):
            AuditFile(self.folder)


def test_of_a_later_release() -> None:
    """What it added is left out."""
    assert from_text(to_text(ENTRY).replace("{", '{"later": 1, ', 1)) == ENTRY


def _at_once(function: Any, *arguments: Any) -> Deferred[Any]:
    return maybeDeferred(function, *arguments)


def _failing(function: Any, *arguments: Any) -> Deferred[Any]:
    def fail() -> None:
        raise OSError("the disk is full")

    return maybeDeferred(fail)
