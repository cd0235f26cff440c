"""`flockerctl audit`, and who did it in `flockerctl events`."""

from __future__ import annotations

from twisted.web.resource import IResource

from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1


class AuditCommandTests(CLITestCase):
    """Of a user called alice."""

    def resource(self) -> IResource:
        return self.api(audit=self.control.audit, user_of=lambda _: "alice").resource()

    def test_nothing_yet(self) -> None:
        """A person is told so."""
        assert "nothing was changed yet" in self.answer("audit")

    def test_who_did_what(self) -> None:
        """Newest first; by user, by age, and for programs."""
        self.redis()
        self.delete("/configuration/containers/none")
        said = self.answer("audit").splitlines()
        assert "alice" in said[1]
        assert "delete_container" in said[1]
        assert "Container not found." in said[1]
        assert f"host={ADDRESS_1}, name=redis, image=redis" in said[2]
        assert [item["status"] for item in self.told("audit")] == [404, 201]
        assert len(self.told("audit", "-n", "1")) == 1
        assert self.told("audit", "--user", "bob") == []
        # It was in 2023.
        assert self.told("audit", "--since", "2d") == []
        result = self.run_command("audit", "--since", "yesterday")
        assert result.exit_code == 2
        assert "is not a time" in result.output

    def test_events(self) -> None:
        """A change is shown with who made it."""
        self.redis()
        [item] = self.get("/state/audit")
        self.events = [
            {
                "event": "change",
                "generation": 7,
                "collection": "state/audit",
                "id": "1",
                "items": [item],
            }
        ]
        assert "7  state/audit 1: alice create_container redis: 201" in self.answer("events")
