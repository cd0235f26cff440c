"""Edits of the secrets that users write and containers get, as pure functions.

A container says which secrets it needs. It has, too, when each of them was changed last: so a new
value makes another configuration of it, and what runs is replaced.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.errors import Conflict, Fact, NotFound
from flocker_lite.model import completion
from flocker_lite.model.editing import edited
from flocker_lite.model.records import Change, Configuration, Container, Edit, Secret

VARIABLE_BYTES_MAX = 131_071
"""What Linux takes of NAME=VALUE."""


def needed(container: Container) -> frozenset[str]:
    """The names of the secrets that the container gets."""
    if not container.environment_secret and not container.secrets:
        return frozenset()
    files = (file.secret for file in container.secrets)
    return frozenset((*container.environment_secret.values(), *files))


def users(configuration: Configuration, name: str) -> list[str]:
    """The containers that get this secret, in order."""
    containers = configuration.containers.values()
    return sorted(each.name for each in containers if name in needed(each))


def with_versions(configuration: Configuration, container: Container) -> Container:
    """The container with the times of its secrets; NotFound or Conflict if it cannot get them."""
    names = needed(container)
    for name in sorted(names):
        if name not in configuration.secrets:
            raise NotFound("Secret not found.", _no_such(configuration, name))
    facts = tuple(_unfit(container, configuration.secrets))
    if facts:
        raise Conflict("The value of the secret cannot be that of a variable.", *facts)
    times = {name: configuration.secrets[name].changed_at for name in names}
    return replace(container, secret_versions=pmap(times))


def create_secret(configuration: Configuration, name: str, data: str, now: float) -> Edit:
    """Keep a new secret; `data` is its value in base64, `now` is in seconds since 1970."""
    if name in configuration.secrets:
        raise Conflict(
            "The secret exists already.",
            Fact(f"there is a secret {name}: POST its new value to its own path", ("name",), name),
        )
    return edited(configuration, [Change("secrets", name, Secret(name, data, now, now))])


def change_secret(configuration: Configuration, name: str, data: str, now: float) -> Edit:
    """Give a secret another value, so that the containers that use it are replaced."""
    before = _existing(configuration, name)
    if before.data == data:
        return Edit(configuration)
    # Two changes within the resolution of the clock are two versions all the same.
    changed_at = now if now > before.changed_at else before.changed_at + 1e-3
    secret = replace(before, data=data, changed_at=changed_at)
    after = replace(configuration, secrets=configuration.secrets.set(name, secret))
    return edited(
        configuration,
        [Change("secrets", name, secret), *_replaced(after, users(configuration, name))],
    )


def delete_secret(configuration: Configuration, name: str) -> Edit:
    """Forget a secret that no container uses."""
    _existing(configuration, name)
    found = users(configuration, name)
    if found:
        raise Conflict(
            "The secret is being used by containers: change or delete them first.",
            *(Fact(f"secret {name} is used by container {user}", used_by=user) for user in found),
        )
    return edited(configuration, [Change("secrets", name, None)])


def value_of(data: str) -> bytes:
    """The value of a secret, of its `data`."""
    return b64decode(data)


def _replaced(configuration: Configuration, names: Iterable[str]) -> Iterator[Change]:
    for name in names:
        container = configuration.containers[name]
        stamped = completion.revised(container, with_versions(configuration, container))
        yield Change("containers", name, stamped)


def _unfit(container: Container, secrets: Mapping[str, Secret]) -> Iterator[Fact]:
    for variable, name in sorted(container.environment_secret.items()):
        value = value_of(secrets[name].data)
        if b"\0" in value or not _is_text(value):
            why = "its value is no text without a NUL; it can only be a file"
        elif len(variable.encode()) + len(value) + 1 > VARIABLE_BYTES_MAX:
            why = f"name and value have more than {VARIABLE_BYTES_MAX - 1} bytes"
        else:
            continue
        text = f"container {container.name} has secret {name} as variable {variable}: {why}"
        yield Fact(text, (variable,), name)


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _existing(configuration: Configuration, name: str) -> Secret:
    secret = configuration.secrets.get(name)
    if secret is None:
        raise NotFound("Secret not found.", _no_such(configuration, name))
    return secret


def _no_such(configuration: Configuration, name: str) -> Fact:
    known = tuple(sorted(configuration.secrets))
    return Fact(f"there is no secret {name}", ("secret", "name"), name, known=known)
