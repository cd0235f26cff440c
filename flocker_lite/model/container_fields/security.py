"""What keeps a container in its box, and what lets it out."""

from __future__ import annotations

from flocker_lite.model.capabilities import CAPABILITIES, canonical
from flocker_lite.model.fields import Schema, described

_CAPABILITY: Schema = {
    "type": "string",
    "x-words": "the name of a capability of Linux, such as NET_ADMIN, or ALL",
    "maxLength": 64,
    "pattern": f"^(CAP_)?({'|'.join(sorted(CAPABILITIES))}|ALL)$(?!\\n)",
}


def _capabilities(names: list[str]) -> tuple[str, ...]:
    return tuple(canonical(name) for name in names)


def _several(items: Schema, description: str, count_max: int) -> Schema:
    return {
        "description": description,
        "type": "array",
        "maxItems": count_max,
        "uniqueItems": True,
        "items": items,
    }


CAP_ADD = described(
    "Capabilities of Linux that it has besides Docker's own. Needs ``allow`` beyond those.",
    _several(
        _CAPABILITY,
        "Capabilities besides those that Docker gives. What Docker does not give needs an entry in "
        "`allow` of the node's agent.",
        64,
    ),
    parse=_capabilities,
    render=list,
    protocol=2,
)
CAP_DROP = described(
    "Capabilities of Linux that it does not have; ALL drops them all.",
    _several(_CAPABILITY, "Capabilities that Docker gives and this container lacks.", 64),
    parse=_capabilities,
    render=list,
    protocol=2,
)
SECURITY_OPT = described(
    "Docker's security options. All but ``no-new-privileges`` need ``allow``.",
    _several(
        {
            "type": "string",
            "x-words": "no-new-privileges, or apparmor=, seccomp= or label= with a value; seccomp= "
            "with unconfined or the JSON of a profile",
            "maxLength": 65536,
            "pattern": r"^(no-new-privileges([:=](true|false))?|seccomp=(unconfined|\{[^\u0000]+\})"
            r"|(apparmor|label)=[^\u0000\n]{1,256})$(?!\n)",
        },
        "As for `docker run --security-opt`. All but `no-new-privileges` need `security_opt` in "
        "`allow` of the node's agent.",
        16,
    ),
    parse=tuple,
    render=list,
    protocol=2,
)
READ_ONLY = described(
    "Whether it writes only to its volumes and ``tmpfs``, not to its image's files.",
    {"description": "Its image's files are read-only.", "type": "boolean"},
    protocol=2,
)
GROUP_ADD = described(
    "Groups that its user is in besides his own, by name or number.",
    _several(
        {
            "type": "string",
            "x-words": 'the name or the number of a group, as a text, such as "video" or "44"',
            "maxLength": 64,
            "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$(?!\n)",
        },
        "Groups, by name in the image or by number.",
        64,
    ),
    parse=tuple,
    render=list,
    protocol=2,
)
USERNS_MODE = described(
    "``host`` lets its root be that of the node where Docker keeps them apart. Needs ``allow``.",
    {
        "description": "`host`: not in the name space of users that Docker may have. Needs "
        "`userns_mode` in `allow` of the node's agent.",
        "const": "host",
    },
    protocol=2,
)
PRIVILEGED = described(
    "Whether it may do everything that root of the node may. Needs ``allow``.",
    {
        "description": "Docker's `--privileged`. Needs `privileged` in `allow` of the node's "
        "agent.",
        "type": "boolean",
    },
    protocol=2,
)
DEVICES = described(
    "Devices of the node, such as ``/dev/kvm`` or ``/dev/sda:/dev/xvda:r``. Needs ``allow``.",
    _several(
        {
            "type": "string",
            "x-words": "a path in /dev of the node; after a colon its path inside; after another "
            "one what it may do, of r, w and m",
            "maxLength": 4096,
            "pattern": r"^/dev(/[^/:\u0000\n]+)+(:/[^:\u0000\n]+)?(:[rwm]{1,3})?$(?!\n)",
        },
        "Each as for `docker run --device`. The path needs to be in `allow` of the node's agent.",
        64,
    ),
    parse=tuple,
    render=list,
    protocol=2,
)
