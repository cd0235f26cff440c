"""Which releases of etcd will do; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flocker_lite.errors import StoreError

VERSION_MIN = (3, 4, 22)
"""What the store was built on and is tested with."""


def require_supported(versions: Mapping[str, str]) -> None:
    """Raise StoreError if a member, by its URL, has a version that is too old."""
    for url, text in versions.items():
        found = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
        if found is None or tuple(map(int, found.groups())) < VERSION_MIN:
            needed = ".".join(map(str, VERSION_MIN))
            raise StoreError(
                f"etcd at {url} is version {text or 'unknown'}, and flocker-control needs {needed} "
                "or later: upgrade that member of etcd. Nothing needs to be restarted here"
            )
