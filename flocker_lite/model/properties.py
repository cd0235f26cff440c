"""The ZFS properties that travel with a dataset, and the values that they may have; pure.

Only properties that cannot harm another node travel. None of them says where, whether or how large
a dataset is mounted, shared or encrypted. A property that protects a node (`devices`, `exec`,
`setuid`, `checksum`) travels only with a value that does not weaken the protection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Properties = Mapping[str, str | None]
"""The values that were set on a copy itself, by name; None when the copy inherits the property.

If a property that may travel is missing, the node's ZFS does not have it. A property that does not
travel is present only if it was set.
"""

LISTED_MAX = 48
TEXT_MAX = 64
"""How many properties we list, and how many characters of each: users may set any number."""

_WORDS = {
    "compression": r"on|off|lzjb|lz4|zle|gzip(-[1-9])?|zstd(-fast)?(-[0-9]{1,4})?",
    "recordsize": r"[1-9][0-9]{2,7}",
    "atime": r"on|off",
    "relatime": r"on|off",
    "xattr": r"on|off|sa|dir",
    "acltype": r"off|noacl|nfsv4|posix|posixacl",
    "aclinherit": r"discard|noallow|restricted|passthrough|passthrough-x",
    "logbias": r"latency|throughput",
    "primarycache": r"all|none|metadata",
    "secondarycache": r"all|none|metadata",
    "sync": r"standard|always|disabled",
    "redundant_metadata": r"all|most|some|none",
    "dnodesize": r"legacy|auto|1k|2k|4k|8k|16k",
    "checksum": r"on|fletcher2|fletcher4|sha256|sha512|skein|edonr|blake3",
    "copies": r"[123]",
    "snapdir": r"hidden|visible",
    "devices": r"off",
    "exec": r"off",
    "setuid": r"off",
}
_TRAVELLING = {name: re.compile(pattern) for name, pattern in _WORDS.items()}
NAMES = frozenset(_TRAVELLING)

_NOT_OF_USERS = frozenset({"mountpoint", "canmount", "readonly", "refquota"})


@dataclass(frozen=True, slots=True)
class SetProperty:
    """A property that a user set on a dataset, and whether it `travels` with the dataset."""

    dataset_id: str
    name: str
    value: str
    travels: bool


def is_of_users(name: str) -> bool:
    """Whether users set this property; the other ones we set ourselves on every copy."""
    return name not in _NOT_OF_USERS and not name.startswith("flocker:")


def travels(name: str, value: str | None) -> bool:
    """Whether this property may travel with this value; None resets it to the inherited value."""
    pattern = _TRAVELLING.get(name)
    return pattern is not None and (value is None or pattern.fullmatch(value) is not None)


def travelling(properties: Properties) -> dict[str, str | None]:
    """The properties that travel; one with a forbidden value is neither sent nor reset."""
    return {name: value for name, value in properties.items() if travels(name, value)}


def staying(properties: Properties) -> tuple[str, ...]:
    """The properties that do not travel, in words."""
    others = sorted(item for item in properties.items() if not travels(*item))
    return tuple(f"{name}={value}: it does not travel" for name, value in others)


def listed(by_dataset: Mapping[str, Properties]) -> tuple[SetProperty, ...]:
    """What users set, as a short list for a person to read; properties that stay come first."""
    found = [
        SetProperty(dataset_id, _short(name), _short(value), travels(name, value))
        for dataset_id, properties in by_dataset.items()
        for name, value in sorted(properties.items())
        if value is not None
    ]
    return tuple(sorted(found, key=lambda each: each.travels)[:LISTED_MAX])


def _short(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}..."
