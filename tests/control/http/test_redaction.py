"""A read-only user whose certificate does not say more: he sees nothing that may hold passwords."""

from __future__ import annotations

import json
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.web.resource import IResource

from flocker_lite.control.http.app import site
from flocker_lite.control.http.redaction import NEEDS_SECRETS
from flocker_lite.control.http.resources import COLLECTIONS
from flocker_lite.model import edits
from flocker_lite.model.container_fields.switching import SwitchHook
from flocker_lite.model.records import Container, HealthCheck
from flocker_lite.model.state import ContainerState, NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, RESTTestCase
from tests.control.http.test_events import Reader

SECRET = "hunter2"
ERROR = f"not healthy: `mysql -p{SECRET}` exited with 1: {SECRET} is wrong; and {SECRET}"
DB = Container(
    "db",
    NODE_1,
    "postgres:16",
    environment=pmap({"PASSWORD": SECRET}),
    command_line=("--password", SECRET),
    entrypoint=("sh", f"-c {SECRET}"),
    health_check=HealthCheck(command=("mysql", f"-p{SECRET}")),
    before_switch=SwitchHook(("mysql", f"-p{SECRET}", "-e", "FLUSH TABLES")),
    after_switch=SwitchHook(("mysql", f"-p{SECRET}")),
)


class RedactionTests(RESTTestCase):
    """A container with a secret at every place; it runs, and said the secret."""

    sees_secrets = False

    def setUp(self) -> None:
        super().setUp()
        self.generation = self.control.change_feed.generation
        self.have()
        state = ContainerState(DB, running=True, error=ERROR, exit_code=1, last_output=(SECRET,))
        self.control.report(NODE_1, NodeState(containers=pmap({"db": state})))

    def have(self) -> None:
        """Configure it."""
        work = self.control.edit(lambda before: edits.create_container(before, DB))
        self.successResultOf(Deferred.fromCoroutine(work))

    def resource(self) -> IResource:
        return self.reading().resource()

    def reading(self) -> Any:
        """The API as the user has it."""
        return self.api(
            may_write=lambda request: False, sees_secrets=lambda request: self.sees_secrets
        )

    def answers(self) -> dict[str, bytes]:
        """All that the user can ask for, by its path."""
        paths = [f"/v1/{path}{query}" for path in COLLECTIONS for query in ("", "?limit=9")]
        paths += ["/v1/configuration/containers/db", "/v1/state/containers/db"]
        return {path: self.request("GET", path).content for path in paths}

    def events(self) -> str:
        """All that happened."""
        reader = Reader(site(self.reading()))
        reader.get(f"/v1/events?since={self.generation}")
        said = reader.body
        reader.hang_up()
        return said

    def test_no_answer_has_it(self) -> None:
        """Neither lists nor single items, from the cache or not."""
        for _ in range(2):
            for path, content in self.answers().items():
                assert SECRET.encode() not in content, path

    def test_what_is_shown(self) -> None:
        """How many words, the names of variables and all else."""
        found = self.get("/state/containers/db")
        assert found["environment"] == {"PASSWORD": "(hidden)"}
        assert found["command_line"] == ["(hidden)", "(hidden)"]
        assert found["entrypoint"] == ["(hidden)", "(hidden)"]
        assert found["health_check"]["command"] == ["(hidden)"]
        assert found["last_output"] == ["(hidden)"]
        assert found["error"] == "not healthy: `(hidden)` exited with 1"
        assert (found["image"], found["exit_code"]) == ("postgres:16", 1)

    def test_events(self) -> None:
        """The stream is the same."""
        said = self.events()
        assert SECRET not in said
        assert "PASSWORD" in said

    def test_logs(self) -> None:
        """What a container wrote may be anything."""
        reply = self.request("GET", "/v1/state/containers/db/logs")
        self.assert_refused(reply, 403, NEEDS_SECRETS)

    def test_dry_run(self) -> None:
        """What a move would be like has none of it."""
        reply = self.post("/configuration/containers/db?dry_run=1", {"host": ADDRESS_2})
        assert reply.status == 200, reply.content
        assert SECRET not in json.dumps(reply.body)
        reply = self.post("/configuration/containers/db?dry_run=1", {"host": ADDRESS_1})
        assert SECRET.encode() not in reply.content


class SecretsReaderTests(RedactionTests):
    """A read-only user who may see secrets, beside one who may not: neither gets the other's."""

    sees_secrets = True

    def test_no_answer_has_it(self) -> None:
        """He sees them; what is cached for the other has none."""
        for sees in (True, False, True):
            self.sees_secrets = sees
            for path in ("/configuration/containers", "/state/containers"):
                assert (SECRET in json.dumps(self.get(path))) is sees

    def test_what_is_shown(self) -> None:
        """All of it."""
        found = self.get("/state/containers/db")
        assert found["environment"] == {"PASSWORD": SECRET}
        assert found["error"] == ERROR

    def test_events(self) -> None:
        """The stream has it."""
        assert SECRET in self.events()

    def test_logs(self) -> None:
        """They are his to read: what is not there is told from what is forbidden."""
        assert self.request("GET", "/v1/state/containers/none/logs").status == 404
