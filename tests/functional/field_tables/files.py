"""Fields of what a container finds at its paths."""

from __future__ import annotations

from typing import Any

from tests.functional.field_tables.field import (
    EIGHTH,
    ELEVENTH,
    FIRST,
    NINTH,
    SECOND,
    TENTH,
    Field,
    name_of,
)

MADE_BEFORE = {
    NINTH: "echo hello > /data/greeting",
    TENTH: "mkdir -p /data/a/b && echo inner > /data/a/b/file && echo outer > /data/file",
    ELEVENTH: "mkdir /data/a && echo inner > /data/a/file",
}
"""What is made in datasets, at /data, before the containers are."""


def mounts(details: Any) -> list[tuple[str, str]]:
    """Where in the node, and where in the container."""
    return sorted(
        (mount["Source"], mount["Destination"])
        for mount in details["Mounts"]
        if mount["Type"] == "bind" and mount["RW"]
    )


FIELDS = {
    "volumes": Field(
        {
            "volumes": [
                {"dataset_id": FIRST, "mountpoint": "/first"},
                {"dataset_id": SECOND, "mountpoint": "/second"},
            ]
        },
        mounts,
        [(f"/flocker/{FIRST}", "/first"), (f"/flocker/{SECOND}", "/second")],
    ),
    "tmpfs": Field(
        {"tmpfs": ["/run/lock", "/srv/app:size=8m,mode=0700,uid=33,exec"]},
        'for each in /run/lock /srv/app; do grep -c " $each tmpfs " /proc/mounts; done; '
        "stat -c '%u %a' /srv/app; df -k /srv/app | awk 'END {print $2}'; "
        "grep /run/lock /proc/mounts | grep -c noexec; "
        "grep /srv/app /proc/mounts | grep -c noexec || true",
        "1\n1\n33 700\n8192\n1\n0",
        {
            "tmpfs": {
                "/run/lock": {},
                "/srv/app": {"size": 2**23, "options": ["mode=0700", "uid=33", "exec"]},
            }
        },
    ),
    "tmpfs_over_a_volume_of_the_image": Field(
        {"tmpfs": {"/data": "16m"}},
        "df -k /data | awk 'END {print $1, $2}'",
        "tmpfs 16384",
        {"tmpfs": {"/data": {"size": 2**24}}},
    ),
    "volume_by_name": Field(
        {"volumes": [{"dataset": name_of(EIGHTH), "mountpoint": "/data"}]},
        mounts,
        [(f"/flocker/{EIGHTH}", "/data")],
        {"volumes": [{"dataset_id": EIGHTH, "mountpoint": "/data"}]},
    ),
    "read_only_volume": Field(
        {"volumes": [{"dataset_id": NINTH, "mountpoint": "/data", "read_only": True}]},
        "cat /data/greeting; touch /data/file 2>/dev/null || echo refused",
        "hello\nrefused",
    ),
    "subpath": Field(
        {"volumes": [{"dataset_id": TENTH, "mountpoint": "/data", "subpath": "a/b"}]},
        "cat /data/file; touch /data/more; ls /data",
        "inner\nfile\nmore",
    ),
    "read_only_subpath": Field(
        {
            "volumes": [
                {"dataset_id": ELEVENTH, "mountpoint": "/data", "read_only": True, "subpath": "a"}
            ]
        },
        "cat /data/file; touch /data/more 2>/dev/null || echo refused",
        "inner\nrefused",
    ),
    "bind_mounts": Field(
        {
            "bind_mounts": [
                {
                    "host_path": "/etc/debian_version",
                    "mountpoint": "/node/version",
                    "read_only": True,
                }
            ]
        },
        "test -s /node/version && echo there; echo x 2>/dev/null >>/node/version || echo refused",
        "there\nrefused",
        {"stays_behind": ["/data", "/node/version"]},
    ),
}
