"""The command `flockerctl edit`: a container's configuration in an editor, and back."""

from __future__ import annotations

import tempfile
from typing import Any

import click
import yaml

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.session import Session, with_session
from flocker_lite.client.client import Item
from flocker_lite.client.errors import BadRequest, ClientError

_ABOUT = """\
# Container {name}. Lines that begin with # do not count. A field that you remove gets its default;
# another host moves the container with its data. An empty file changes nothing.
"""
_NOT_EDITED = frozenset({"name", "restart_generation"})
"""What is shown in the configuration, and is not for an editor."""


@click.command()
@click.argument("name", shell_complete=completion.containers)
@with_session
def edit(session: Session, name: str) -> None:
    """Change a container's configuration in your editor ($VISUAL or $EDITOR).

    What you write is kept in a file if it is refused.
    """
    client = session.client
    known = client.configured_containers()
    before = lookup.find(name, known, lookup.container_names, "container")
    about = _ABOUT.format(name=before["name"])
    text = click.edit(about + yaml.safe_dump(shown(before), sort_keys=False), extension=".yml")
    if text is None or not text.strip():
        session.say(f"container {before['name']}: nothing is changed")
        return
    try:
        changes = changes_of(shown(before), parsed_yaml(text))
        if not changes:
            session.say(f"container {before['name']}: nothing is changed")
            return
        client.update_container(before["name"], **changes)
    except ClientError as error:
        said = f"{error}; your text is in {_kept(text)}"
        raise type(error)(said, error.status, error.body) from None
    session.say(f"container {before['name']}: {', '.join(changes)} changed")


def shown(container: Item) -> Item:
    """The fields that are for an editor, in the order of the API."""
    return {key: value for key, value in container.items() if key not in _NOT_EDITED}


def parsed_yaml(text: str) -> Item:
    """The fields of what was written; BadRequest if it is no YAML, or no fields."""
    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadRequest(f"this is no YAML: {' '.join(str(error).split())}") from None
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise BadRequest("write fields and their values, such as `image: redis:7`")
    return found


def changes_of(before: Item, after: Item) -> Item:
    """The fields to send: those with another value, and null for those that were removed."""
    removed = {key: None for key in before if key not in after}
    return {
        **{key: value for key, value in after.items() if before.get(key) != value},
        **removed,
    }


def _kept(text: str) -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix="flockerctl-", suffix=".yml", delete=False
    ) as file:
        file.write(text)
    return file.name
