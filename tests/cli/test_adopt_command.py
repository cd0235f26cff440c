"""`flockerctl adopt`: what a container of Docker's would become, in plain words."""

from __future__ import annotations

import json

import yaml

from flocker_lite.model.state import NodeState
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, NODE_1
from tests.control.http.test_adoptions import POSTGRES, AdoptionsTestCase


class AdoptTests(AdoptionsTestCase, CLITestCase):
    """The agent of the first node knows one container."""

    def setUp(self) -> None:
        super().setUp()
        self.control.report(NODE_1, NodeState())

    def test_words(self) -> None:
        """A person reads what becomes of each volume; no value of a variable is shown."""
        said = self.answer("adopt", ADDRESS_1, "pg", "--dry-run")
        assert f"pg on {ADDRESS_1} would be container pg of image postgres:16" in said
        assert "nothing was changed" in said
        row = next(line for line in said.splitlines() if line.startswith("pgdata"))
        assert "dataset pgdata" in row
        assert "hunter2" not in said
        assert "to settle first" not in said

    def test_what_is_not_kept(self) -> None:
        """Nor what is in the way is left out."""
        host = {"DnsOptions": ["ndots:1"], "AutoRemove": True, "Binds": ["/etc/x:/x"]}
        self.finds({**POSTGRES, "HostConfig": host})
        said = self.answer("adopt", ADDRESS_1, "pg", "--dry-run")
        assert "it would not have:\n" in said
        assert "  --dns-option: ['ndots:1']" in said
        assert "to settle first:\n  --rm: " in said
        assert "not taken" in said

    def test_request(self) -> None:
        """A program gets the whole answer, with the request that creates it."""
        words = ("adopt", NODE_1[:8], "pg", "--dry-run", "--name", "shop-db")
        (found,) = json.loads(self.answer(*words, "-o", "json"))
        assert found["container"]["environment"] == {"POSTGRES_PASSWORD": "hunter2"}
        assert yaml.safe_load(self.answer(*words, "-o", "yaml")) == [found]
        assert self.asked == [(NODE_1, "pg", "shop-db")] * 2

    def test_without_dry_run(self) -> None:
        """It is said what this release can do."""
        result = self.run_command("adopt", ADDRESS_1, "pg")
        assert result.exit_code != 0
        assert "--dry-run" in result.output
