"""Fields of what a container gets of the control service's secrets."""

from __future__ import annotations

from tests.functional.field_tables.field import Field

SECRETS = {"pg": "hunter2", "key": "a\nb\n"}
"""Secrets that are there for them, and their values."""

_KEY = {"secret": "key", "path": "/etc/key", "mode": "0400", "uid": 999, "gid": 999}
FIELDS = {
    "secrets": Field(
        {
            "environment_secret": {"PASSWORD": "pg"},
            "secrets": ["pg", _KEY],
            "read_only": True,
        },
        "echo $PASSWORD; cat /run/secrets/pg; echo; cat /etc/key; stat -c '%a %u %g' /etc/key "
        "/run/secrets/pg; echo x 2>/dev/null >/etc/key || echo not written",
        "hunter2\nhunter2\na\nb\n400 999 999\n444 0 0\nnot written",
        {
            "secrets": [
                {"secret": "pg", "path": "/run/secrets/pg", "mode": "0444", "uid": 0, "gid": 0},
                _KEY,
            ]
        },
    ),
}
