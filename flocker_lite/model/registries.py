"""With what nodes log in to which registry; edits as pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flocker_lite.errors import Fact, NotFound
from flocker_lite.model.editing import edited
from flocker_lite.model.records import Change, Configuration, Edit, Registry

DOCKER_HUB = "docker.io"
_DOCKER_HUB_TOO = frozenset({"index.docker.io", "registry-1.docker.io"})


def canonical(registry: str) -> str:
    """The one way in which we write the name of a registry."""
    name = registry.lower()
    return DOCKER_HUB if name in _DOCKER_HUB_TOO else name


def registry_of(image: str) -> str:
    """The registry of an image, as Docker reads its name."""
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return canonical(first) if is_host else DOCKER_HUB


def login_for(image: str, logins: Iterable[Registry]) -> Registry | None:
    """The login for the image's registry; None when there is none."""
    registry = registry_of(image)
    return next((login for login in logins if login.registry == registry), None)


def users(configuration: Configuration, registry: str) -> tuple[set[str], set[str]]:
    """The names of the containers and the ids of the images that come from this registry."""
    containers, images = configuration.containers, configuration.images
    return (
        {name for name, each in containers.items() if registry_of(each.image) == registry},
        {image_id for image_id, each in images.items() if registry_of(each.image) == registry},
    )


def set_registry(configuration: Configuration, login: Registry) -> Edit:
    """Log in to a registry like this from now on; the same again changes nothing."""
    before = configuration.registries.get(login.registry)
    if before is not None and (before.user, before.password) == (login.user, login.password):
        return Edit(configuration)
    return edited(configuration, [Change("registries", login.registry, login)])


def forget_registry(configuration: Configuration, registry: str) -> Edit:
    """Log in to a registry no more; images that nodes have stay."""
    registry = canonical(registry)
    if registry not in configuration.registries:
        known: Mapping[str, Registry] = configuration.registries
        text = f"there is no login for registry {registry}"
        fact = Fact(text, ("registry",), registry, known=tuple(sorted(known)))
        raise NotFound("Registry not found.", fact)
    return edited(configuration, [Change("registries", registry, None)])
