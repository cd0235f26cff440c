"""Fields of what keeps a container in its box, in requests and answers."""

from __future__ import annotations

from typing import Any

from tests.control.http.container_bodies import ContainersTestCase


class SecurityTests(ContainersTestCase):
    """POST /v1/configuration/containers"""

    def test_harmless(self) -> None:
        """What keeps it in its box needs nothing."""
        fields: dict[str, Any] = {
            "cap_add": ["CHOWN"],
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "read_only": True,
            "group_add": ["44", "video"],
        }
        assert fields.items() <= self.container(**fields).items()

    def test_out_of_the_box(self) -> None:
        """What lets it out is refused by a node that does not allow it, with what to write."""
        for field, value, entry in (
            ("privileged", True, "privileged"),
            ("cap_add", ["CAP_SYS_ADMIN"], "SYS_ADMIN"),
            ("devices", ["/dev/kvm"], "/dev/kvm"),
            ("userns_mode", "host", "userns_mode"),
            ("security_opt", ["seccomp=unconfined"], "security_opt"),
        ):
            reply = self.create(**{field: value})
            assert reply.status == 409, reply.content
            (problem,) = reply.body["problems"]
            assert (
                f"write `allow: [{entry}]` into /etc/flocker-lite/agent.yml" in (problem["message"])
            )
        self.assert_nothing()

    def test_refused(self) -> None:
        """What Docker would not take is refused."""
        for field, value in (
            ("cap_add", ["FLY"]),
            ("cap_drop", "ALL"),
            ("security_opt", ["seccomp=/etc/profile.json"]),
            ("group_add", [44]),
            ("userns_mode", "private"),
            ("devices", ["/etc/passwd"]),
            ("devices", ["/dev/kvm:x:rwz"]),
            ("privileged", 1),
        ):
            assert self.create(**{field: value}).status == 400, (field, value)
        self.assert_nothing()
