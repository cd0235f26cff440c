"""For which platform a container's image is: what Docker is asked for, and what it has.

Docker takes the platform beside the body of "create a container", not in it. It is in the label
that has the container's configuration, so another platform makes another container.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker import APIClient
from docker import errors as docker_errors
from docker.utils import version_lt

from flocker_lite.containers.errors import words
from flocker_lite.containers.translate import container_of
from flocker_lite.errors import ImageError

API_VERSION = "1.41"
"""Docker 20.10; earlier ones create a container for any platform, whatever its image is for."""

_ALIASES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386"}
_USUAL_VARIANTS = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
# Docker's text, which has no name of an image in it: those have no spaces.
_OTHER_PLATFORM = "the specified platform"


def require_known(client: APIClient, platform: str) -> None:
    """ImageError if this Docker is too old to be asked for a platform."""
    if version_lt(client.api_version, API_VERSION):
        raise ImageError(
            f"platform {platform} needs Docker 20.10 on this node (API {API_VERSION}), which has "
            f"API {client.api_version}: upgrade Docker, or leave platform out"
        )


def create(client: APIClient, arguments: Mapping[str, Any], name: str) -> None:
    """Create a container, for the platform in its configuration; ImageError if its image is not.

    `name` is that in Docker.
    """
    container = container_of(arguments["Labels"])
    if container.platform is not None:
        require_known(client, container.platform)
    try:
        client.create_container_from_config(arguments, name, container.platform)
    except docker_errors.NotFound as error:
        said = words(error)
        if container.platform is None or _OTHER_PLATFORM not in said:
            raise
        raise ImageError(_refusal(container.image, container.platform, said)) from error


def platform_of(image: Mapping[str, Any]) -> str:
    """For which platform an image is, by Docker's "inspect" of it."""
    parts = (image.get("Os", ""), image.get("Architecture", ""), image.get("Variant", ""))
    return "/".join(part for part in parts if part)


def is_same(one: str, other: str) -> bool:
    """Whether two names of platforms mean the same one."""
    return _plain(one) == _plain(other)


def require_possible(image: str, has: str, platform: str) -> None:
    """ImageError if an image for the platform `has` cannot be one for `platform`.

    Which variants of an architecture run each other's programs, Docker knows.
    """
    if _plain(has)[:2] != _plain(platform)[:2]:
        raise ImageError(_refusal(image, platform, f"it is for {has}"))


def _refusal(image: str, platform: str, why: str) -> str:
    return (
        f"image {image} is not for platform {platform}: correct platform, or push the image for "
        f"that one, too ({why})"
    )


def _plain(platform: str) -> tuple[str, str, str]:
    system, _, rest = platform.lower().partition("/")
    architecture, _, variant = rest.partition("/")
    architecture = _ALIASES.get(architecture, architecture)
    return system, architecture, variant or _USUAL_VARIANTS.get(architecture, "")
