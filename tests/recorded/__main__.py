"""`python -m tests.recorded NAME`: record how this release speaks, for the releases that come."""

from __future__ import annotations

import sys

from tests.recorded.conversation import HERE
from tests.recorded.stories import record_cluster, record_peers


def main() -> None:
    """Write the conversations of this release under a name, "protocol-1" say."""
    (name,) = sys.argv[1:]
    record_cluster().save(HERE / f"{name}-cluster.json")
    record_peers().save(HERE / f"{name}-peers.json")


if __name__ == "__main__":
    main()
