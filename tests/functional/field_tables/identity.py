"""Fields of what a container is."""

from __future__ import annotations

from tests.functional.field_tables.field import Field

FIELDS = {
    "plain": Field({}, lambda details: details["HostConfig"]["Memory"], 0),
    "platform": Field({"platform": "linux/amd64"}, "uname -m", "x86_64"),
    "labels": Field(
        {"labels": {"org.example/team": "shop"}},
        lambda details: details["Config"]["Labels"]["org.example/team"],
        "shop",
    ),
}
