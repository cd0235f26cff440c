"""Fields of what runs in a container, in requests and answers."""

from __future__ import annotations

from typing import Any

from tests.control.http.container_bodies import WEB, ContainersTestCase


class ProcessTests(ContainersTestCase):
    """POST /v1/configuration/containers"""

    def test_accepted(self) -> None:
        """Each is answered as it was asked for."""
        fields: dict[str, Any] = {
            "entrypoint": ["sh", "-c"],
            "user": "postgres:999",
            "working_dir": "/srv/app",
            "init": False,
            "tty": True,
            "stdin_open": True,
            "stop_signal": "SIGRTMIN+3",
            "stop_timeout_seconds": 90.0,
            "hostname": "rabbit-1",
            "domainname": "shop.example.org",
        }
        assert fields.items() <= self.container(**fields).items()
        # What is not set is not answered, and null stands for that.
        reply = self.post(WEB, dict.fromkeys(fields))
        assert not fields.keys() & reply.body.keys()

    def test_stop_timeout(self) -> None:
        """It has units, and its default is not answered."""
        assert self.container(stop_timeout_seconds="1m30s")["stop_timeout_seconds"] == 90.0
        reply = self.post(WEB, {"stop_timeout_seconds": 30})
        assert "stop_timeout_seconds" not in reply.body

    def test_keys_of_compose(self) -> None:
        """A key that has another name here is told it; one that has none, what to do."""
        for key, nearest, message in (
            ("command", "command_line", "it is called command_line (see docs/containers.rst"),
            ("pid", None, "the container always has a PID namespace of its own (see docs/"),
        ):
            (problem,) = self.create(**{key: "x"}).body["problems"]
            assert problem.get("nearest") == nearest
            assert f"$.{key}: there is no key {key} here: {message}" in problem["message"]

    def test_refused(self) -> None:
        """What Docker would not take is refused."""
        bad: tuple[tuple[str, Any], ...] = (
            ("entrypoint", []),
            ("entrypoint", "sh"),
            ("user", ""),
            ("user", "a b"),
            ("user", "a:"),
            ("user", "a\n"),
            ("user", 1000),
            ("working_dir", "srv"),
            ("init", 1),
            ("tty", "yes"),
            ("stop_signal", "sigint"),
            ("stop_signal", "99"),
            ("stop_signal", "SIGTERM\n"),
            ("stop_timeout_seconds", -1),
            ("stop_timeout_seconds", "2d"),
            ("hostname", "a_b"),
            ("domainname", "-a.org"),
        )
        for name, value in bad:
            self.assert_invalid(self.create(**{name: value}))
        self.assert_nothing()
