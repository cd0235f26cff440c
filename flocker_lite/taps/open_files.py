"""How many files, and so connections, a daemon may have open at once."""

from __future__ import annotations

import resource

OPEN_FILES_MAX = 65_536
"""Connections of as many agents as a cluster may have, and of clients; each is an open file."""


def raise_open_files(wanted: int = OPEN_FILES_MAX) -> int:
    """Raise the limit of this process as far as it is allowed to, and return what it is then.

    Many systems begin with 1,024, for the sake of programs that use select(); this is none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return wanted if soft == resource.RLIM_INFINITY else soft
