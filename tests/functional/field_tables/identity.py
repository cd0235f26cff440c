"""Fields of what a container is."""

from __future__ import annotations

import json

from tests.functional.field_tables.field import Field

FIELDS = {
    "plain": Field({}, lambda details: details["HostConfig"]["Memory"], 0),
    "platform": Field({"platform": "linux/amd64"}, "uname -m", "x86_64"),
    "application": Field(
        {"application": {"name": "shop", "service": "db"}},
        lambda details: json.loads(details["Config"]["Labels"]["flocker-lite.configuration"])[
            "application"
        ],
        {"name": "shop", "service": "db"},
    ),
    "labels": Field(
        {"labels": {"org.example/team": "shop"}},
        lambda details: details["Config"]["Labels"]["org.example/team"],
        "shop",
    ),
}
