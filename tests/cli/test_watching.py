"""A list that is watched: a line for each change, or the whole list for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flocker_lite.cli.output import Column
from flocker_lite.cli.watching import changes
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1

COLUMNS = (
    Column("NAME", lambda item: item["name"]),
    Column("STATE", lambda item: item.get("state")),
    Column("ID", lambda item: item.get("id"), wide=True),
)
WEB, DB = {"name": "web", "state": "up", "id": 1}, {"name": "db", "state": "up", "id": 2}


def test_changes() -> None:
    """What is new, what is another one, and what is gone; nothing of what is as it was."""
    assert changes([WEB], [WEB, DB], COLUMNS, "table") == ["db  up"]
    assert changes([WEB, DB], [{**WEB, "state": "down"}], COLUMNS, "table") == [
        "web  down",
        "db  gone",
    ]
    assert changes([WEB], [{**WEB, "id": 3}], COLUMNS, "table") == []
    assert changes([WEB], [{**WEB, "id": 3}], COLUMNS, "wide") == ["web  up  3"]


class WatchTests(CLITestCase):
    """A container that is created while its list is watched, and then nothing more."""

    def happening(self) -> Iterator[Any]:
        """What the stream of events has."""
        yield {"event": "alive", "generation": 1}
        yield {"event": "change", "collection": "state/nodes", "generation": 2}
        self.created(
            "/configuration/containers", {"host": ADDRESS_1, "name": "web", "image": "nginx"}
        )
        yield {"event": "change", "collection": "state/containers", "generation": 3}

    def watched(self, *words: str) -> list[str]:
        """The lines that are printed."""
        self.both_report()
        self.events = self.happening()  # type: ignore[assignment]
        return self.answer("containers", "-w", *words).splitlines()

    def test_a_line_a_change(self) -> None:
        """First the list, then only what has changed."""
        first, second = self.watched()
        assert first.startswith("no containers yet")
        assert second.startswith(f"web  {ADDRESS_1}  ")

    def test_for_programs(self) -> None:
        """The list, and the list again."""
        text = "\n".join(self.watched("-o", "json"))
        decoder = json.JSONDecoder()
        nothing, end = decoder.raw_decode(text)
        (web,), _ = decoder.raw_decode(text, end + 1)
        assert (nothing, web["name"]) == ([], "web")

    def test_moves(self) -> None:
        """Are watched as well."""
        self.both_report()
        assert self.answer("moves", "-w") == "no moves yet\n"

    def test_interrupted(self) -> None:
        """Ctrl-C ends it with a code of its own, and without a word."""

        def stopped() -> Iterator[Any]:
            yield {"event": "alive", "generation": 1}
            raise KeyboardInterrupt

        self.both_report()
        self.events = stopped()  # type: ignore[assignment]
        result = self.run_command("containers", "-w")
        assert (result.exit_code, result.stderr) == (130, "")
