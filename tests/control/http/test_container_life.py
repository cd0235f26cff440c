"""Fields of when a container is started again, in requests and answers."""

from __future__ import annotations

from typing import Any

from tests.control.http.container_bodies import WEB, ContainersTestCase


class RestartPolicyTests(ContainersTestCase):
    """POST /v1/configuration/containers"""

    def test_in_the_words_of_docker(self) -> None:
        """They are answered as the object that they stand for, which older clients know."""
        self.container()
        for text, policy in (
            ("no", {"name": "never"}),
            ("never", {"name": "never"}),
            ("always", {"name": "always"}),
            ("unless-stopped", {"name": "always"}),
            ("on-failure", {"name": "on-failure"}),
            ("on-failure:3", {"name": "on-failure", "maximum_retry_count": 3}),
        ):
            for wanted in (text, policy):
                reply = self.post(WEB, {"restart_policy": wanted})
                assert reply.body["restart_policy"] == policy, text
        self.post(WEB, {"restart_policy": None})
        assert self.get(WEB)["restart_policy"] == {"name": "never"}

    def test_refused(self) -> None:
        """What is neither such a text nor such an object."""
        bad: tuple[Any, ...] = (
            *("", "Always", "always\n", "always:3", "on-failure:0", "on-failure:", "on-failure:x"),
            *(5, True, [], {}, {"name": "no"}, {"name": "unless-stopped"}),
        )
        for value in bad:
            assert self.create(restart_policy=value).status == 400, value


class LoggingTests(ContainersTestCase):
    """POST /v1/configuration/containers"""

    def test_accepted(self) -> None:
        """The driver is said where it was left out; null takes it away."""
        assert "logging" not in self.container()
        for given, answered in (
            ({"driver": "local"}, {"driver": "local"}),
            ({}, {"driver": "json-file"}),
            (
                {"options": {"max-size": "1m"}},
                {"driver": "json-file", "options": {"max-size": "1m"}},
            ),
        ):
            assert self.post(WEB, {"logging": given}).body["logging"] == answered
        assert "logging" not in self.post(WEB, {"logging": None}).body

    def test_refused(self) -> None:
        """What cannot be a driver or an option."""
        for value in (
            *("json-file", {"driver": ""}, {"driver": "a b"}, {"driver": None}, {"driver": "a\n"}),
            *({"options": {"max-file": 3}}, {"options": {"": "x"}}, {"options": {"a b": "x"}}),
            {"max-size": "1m"},
        ):
            assert self.create(logging=value).status == 400, value
