"""`python -m tests.recorded`: record how this release speaks, for the releases that come."""

from __future__ import annotations

from flocker_lite.interfaces.peer_requests import VERSIONS as PEER_VERSIONS
from flocker_lite.protocol.link import VERSIONS
from tests.recorded.conversation import HERE
from tests.recorded.stories import record_cluster, record_peers


def main() -> None:
    """Write the conversations of this release in its newest protocols, unless they are there."""
    for kind, versions, record in (
        ("cluster", VERSIONS, record_cluster),
        ("peers", PEER_VERSIONS, record_peers),
    ):
        path = HERE / f"protocol-{versions.newest}-{kind}.json"
        if not path.exists():
            record().save(path)


if __name__ == "__main__":
    main()
