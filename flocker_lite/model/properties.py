"""The ZFS properties that travel with a dataset, and the values that they may have; pure.

Only what cannot harm another node: nothing of where, whether and how large a dataset is mounted,
shared or encrypted, and of what protects a node (`devices`, `exec`, `setuid`, `checksum`) nothing
that would protect it less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Properties = Mapping[str, str | None]
"""Values that were set on a copy itself, by name; None for one that is inherited there.

What is not in it is not known: the ZFS of the node has no such property.
"""

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


def travels(name: str, value: str | None) -> bool:
    """Whether the property is one that travels, and that a value for it; None takes it back."""
    pattern = _TRAVELLING.get(name)
    return pattern is not None and (value is None or pattern.fullmatch(value) is not None)


def travelling(properties: Properties) -> dict[str, str | None]:
    """Those that travel; what has another value neither travels nor is taken back."""
    return {name: value for name, value in properties.items() if travels(name, value)}


def staying(properties: Properties) -> tuple[str, ...]:
    """The others, in words."""
    others = sorted(item for item in properties.items() if not travels(*item))
    return tuple(f"{name}={value}: it does not travel" for name, value in others)
