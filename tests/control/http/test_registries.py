"""/v1/configuration/registries: users write passwords, and nobody reads them."""

from __future__ import annotations

from flocker_lite.control.http.app import site
from flocker_lite.control.http.resources import COLLECTIONS
from tests.control.http.cluster import RESTTestCase
from tests.control.http.test_events import Reader

REGISTRIES = "/configuration/registries"
PASSWORD = "hunter2"
LOGIN = {"registry": "Registry.example:5000", "user": "bob", "password": PASSWORD}
SHOWN = {"registry": "registry.example:5000", "user": "bob", "changed_at": 1.7e9}


class RegistriesTests(RESTTestCase):
    """A login."""

    def setUp(self) -> None:
        super().setUp()
        self.generation = self.control.change_feed.generation
        assert self.created(REGISTRIES, LOGIN) == SHOWN

    def test_shown(self) -> None:
        """The registry, the user and the time; in no place the password."""
        assert self.get(REGISTRIES) == [SHOWN]
        assert self.get(f"{REGISTRIES}/registry.example:5000") == SHOWN
        for path in COLLECTIONS:
            assert PASSWORD.encode() not in self.request("GET", f"/v1/{path}").content
        reader = Reader(site(self.api()))
        reader.get(f"/v1/events?since={self.generation}")
        said = reader.body
        reader.hang_up()
        assert "registry.example:5000" in said
        assert PASSWORD not in said

    def test_refused(self) -> None:
        """What is wrong is not quoted."""
        for body in (
            {**LOGIN, "user": ""},
            {**LOGIN, "password": [PASSWORD]},
            {**LOGIN, "registry": f"https://bob:{PASSWORD}@registry.example"},
            {**LOGIN, "passwort": PASSWORD},
            [PASSWORD],
        ):
            reply = self.post(REGISTRIES, body)
            assert reply.status == 400, body
            assert PASSWORD.encode() not in reply.content
        assert self.get(REGISTRIES) == [SHOWN]

    def test_forgotten(self) -> None:
        """Once, and in any case."""
        assert self.delete(f"{REGISTRIES}/REGISTRY.example:5000").status == 200
        assert self.delete(f"{REGISTRIES}/registry.example:5000").status == 404
        assert self.get(REGISTRIES) == []
