"""Fields of what keeps a container in its box."""

from __future__ import annotations

from tests.functional.field_tables.field import Field

ALLOW = "allow: [NET_ADMIN, /dev/null, /etc/debian_version, security_opt, userns_mode]\n"
"""The line of both agents' files that lets the containers below be."""

STATUS = (
    "grep -E '^(CapEff|NoNewPrivs|Seccomp):|^Groups' /proc/1/status | tr -s '\\t ' ' ' | "
    "sed 's/ $//'"
)


FIELDS = {
    # The gate and the program behind it have no capability, no new privilege and no file to write.
    "locked": Field(
        {
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "read_only": True,
            "group_add": ["44"],
        },
        f"{STATUS}; touch /file 2>/dev/null || echo read-only",
        "Groups: 0 44\nCapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\nread-only",
    ),
    "capabilities": Field(
        {"cap_add": ["NET_ADMIN"], "cap_drop": ["MKNOD", "NET_RAW"]},
        # Docker's own are a80425fb: 27 is MKNOD, 13 NET_RAW and 12 NET_ADMIN.
        "grep CapEff /proc/1/status | tr -s '\\t ' ' '",
        "CapEff: 00000000a00415fb",
    ),
    "devices": Field(
        {
            "devices": ["/dev/null:/dev/nothing:r"],
            "security_opt": ["seccomp=unconfined"],
            "userns_mode": "host",
        },
        lambda details: (
            details["HostConfig"]["Devices"],
            details["HostConfig"]["SecurityOpt"],
            details["HostConfig"]["UsernsMode"],
        ),
        (
            [
                {
                    "PathOnHost": "/dev/null",
                    "PathInContainer": "/dev/nothing",
                    "CgroupPermissions": "r",
                }
            ],
            ["seccomp=unconfined"],
            "host",
        ),
    ),
}
