"""The images of this node's Docker engine; each request blocks, so use it in threads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from docker import errors as docker_errors
from docker.utils import parse_repository_tag

from flocker_lite.containers import platforms, pull_progress
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.image_digests import ImageDigests, digests_in
from flocker_lite.containers.pull import Pull
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import Registry

LATEST = "latest"


class Images:
    """The engine's images, for several threads at once; errors are as for `Engine`."""

    def __init__(self, connection: Connection, digests: ImageDigests) -> None:
        self._client_for = connection.client_for
        self._digests = digests

    def image(self, image: str) -> ExactImage | None:
        """The exact image that this node has under that name; None if it has none."""
        details = self._inspect(image)
        if details is None:
            return None
        return ExactImage(image, details["Id"], digests_in(details))

    def has(self, image: str, platform: str | None) -> bool:
        """Whether the image is here, for that platform or any."""
        details = self._inspect(image)
        if details is None or platform is None:
            return details is not None
        return platforms.is_same(platforms.platform_of(details), platform)

    def require_platform(self, image: str, platform: str) -> None:
        """ImageError if what is here under that name is for another platform."""
        details = self._inspect(image)
        if details is not None:
            platforms.require_possible(image, platforms.platform_of(details), platform)

    def pull(self, image: str, login: Registry | None = None, platform: str | None = None) -> Pull:
        """Start to pull an image, with the credentials that `docker login` stored."""
        repository, tag = parse_repository_tag(image)
        called = image if platform is None else f"{image} for {platform}"
        with self._client_for(
            f"pull image {image}", image_error=partial(pull_progress.pull_error, called)
        ) as client:
            if platform is not None:
                platforms.require_known(client, platform)
            client.reload_config()
            known = None if login is None else {"username": login.user, "password": login.password}
            lines = client.pull(
                repository,
                tag or LATEST,
                stream=True,
                decode=True,
                auth_config=known,
                platform=platform,
            )
        return Pull(called, lines)

    def _inspect(self, image: str) -> Mapping[str, Any] | None:
        with self._client_for(f"look for image {image}") as client:
            try:
                details: Mapping[str, Any] = client.inspect_image(image)
            except docker_errors.ImageNotFound:
                return None
        self._digests.remember(details["Id"], digests_in(details))
        return details
