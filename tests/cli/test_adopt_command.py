"""`flockerctl adopt`: what a container of Docker's would become, in plain words."""

from __future__ import annotations

import json

import yaml

from flocker_lite.model.state import NodeState
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, NODE_1
from tests.control.http.test_adoptions import POSTGRES, VOLUME_ALONE, AdoptionsTestCase


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

    def test_data(self) -> None:
        """A volume by itself becomes a dataset."""
        self.found = VOLUME_ALONE
        said = self.answer("adopt", ADDRESS_1, "--volume", "files", "--dry-run")
        assert f"files on {ADDRESS_1} would be dataset files; nothing was changed" in said
        assert "-o json" not in said
        words = ("adopt", ADDRESS_1, "--volume", "files", "--name", "other", "--no-wait")
        move_id = self.answer(*words).strip()
        (dataset_id,) = self.control.configuration.moves[move_id].dataset_ids
        assert self.control.configuration.datasets[dataset_id].metadata["name"] == "other"

    def test_left(self) -> None:
        """A volume that stays where it is; a typing error is told."""
        words = ("adopt", ADDRESS_1, "pg", "--dry-run", "--leave")
        said = self.answer(*words, "pgdata")
        assert "you leave it" in said
        assert "dataset pgdata" not in said
        result = self.run_command(*words, "pgdatta")
        assert result.exit_code == 1
        assert "no data of the name pgdatta" in result.output

    def test_one_thing(self) -> None:
        """Something is named, and one thing only."""
        for words in ((), ("pg", "--volume", "x"), ("--volume", "x", "--directory", "/x")):
            result = self.run_command("adopt", ADDRESS_1, *words)
            assert result.exit_code == 2, words
            assert "name one container" in result.output

    def test_adopt(self) -> None:
        """Without a wait its move is named, by which it can be watched and cancelled."""
        move_id = self.answer("adopt", ADDRESS_1, "pg", "--no-wait", "--max-pause", "2s").strip()
        assert self.control.configuration.moves[move_id].options.max_pause_seconds == 2
        assert "is being cancelled" in self.answer("cancel", "pg")
