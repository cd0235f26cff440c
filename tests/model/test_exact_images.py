"""Which digest of an image is shown."""

from __future__ import annotations

import pytest

from flocker_lite.model.exact_images import digest_for


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("redis:7", "sha256:b"),
        ("docker.io/library/redis", "sha256:b"),
        ("mirror:5000/redis", "sha256:a"),
        ("mirror:5000/redis:7", "sha256:a"),
        ("redis@sha256:b", "sha256:b"),
        ("renamed:1", "sha256:a"),
    ],
)
def test_that_of_its_repository(image: str, expected: str) -> None:
    """That of the repository which the container's image names; else any, as all are good."""
    assert digest_for(image, ("mirror:5000/redis@sha256:a", "redis@sha256:b")) == expected


def test_none() -> None:
    """What was built or loaded on a node has none."""
    assert digest_for("redis:7", ()) == ""
