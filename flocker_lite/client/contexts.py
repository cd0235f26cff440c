"""Contexts: the clusters that a user works with, and how to connect to each.

They are in `$XDG_CONFIG_HOME/flocker-lite/contexts.yml` (`~/.config` without that variable).
Environment variables win over the file; their names are those of Flocker's own tools:

    FLOCKER_CONTROL_SERVICE   an address, or several separated by commas
    FLOCKER_CERTS_PATH        a directory with cluster.crt and the user's certificate and key
    FLOCKER_USER              the user NAME of user-NAME.crt and user-NAME.key
    FLOCKER_CONTEXT           the name of a context in the file
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from flocker_lite.client.errors import BadRequest, ClientError, NotFound

PORT = 4523
CLUSTER_FILE = "cluster.crt"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Context:
    """How one user connects to a cluster.

    The client tries `hosts` in order; each is "HOST" or "HOST:PORT". Without a
    `certificates_path` it connects without TLS. `user` is only needed if the directory has the
    certificates of several users.
    """

    name: str
    hosts: tuple[str, ...]
    certificates_path: Path | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Contexts:
    """What is in the file: contexts by name, and which one is used by default."""

    by_name: Mapping[str, Context] = field(default_factory=dict)
    used: str | None = None

    def adding(self, context: Context) -> Contexts:
        """Add a context; the first one becomes the default."""
        return Contexts({**self.by_name, context.name: context}, self.used or context.name)

    def removing(self, name: str) -> Contexts:
        """Remove a context; NotFound if no context has that name."""
        self.named(name)
        rest = {key: value for key, value in self.by_name.items() if key != name}
        return Contexts(rest, None if self.used == name else self.used)

    def using(self, name: str) -> Contexts:
        """Make a context the default; NotFound if no context has that name."""
        return replace(self, used=self.named(name).name)

    def named(self, name: str) -> Context:
        """The context; NotFound if no context has that name."""
        if name not in self.by_name:
            known = ", ".join(sorted(self.by_name)) or "none yet, use flockerctl context add"
            raise NotFound(f"there is no context {name!r}; the contexts are: {known}")
        return self.by_name[name]


def file_path(environment: Mapping[str, str] = os.environ) -> Path:
    """The path of the user's contexts file."""
    folder = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(folder) / "flocker-lite" / "contexts.yml"


def load(path: Path) -> Contexts:
    """Read a contexts file; no file means no contexts. BadRequest if it cannot be understood."""
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return Contexts()
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadRequest(f"{path} cannot be read: {error}") from None
    try:
        return _parsed(found)
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest(
            f"{path}: {error}; it should have format: {FORMAT}, used: NAME, and contexts: with "
            "hosts: [HOST, ...] for each NAME"
        ) from None


def save(path: Path, contexts: Contexts) -> None:
    """Replace the file; after a crash the old one is still there."""
    text = yaml.safe_dump(
        {
            "format": FORMAT,
            "used": contexts.used,
            "contexts": {name: _entry(each) for name, each in contexts.by_name.items()},
        },
        sort_keys=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def current(
    name: str | None = None,
    environment: Mapping[str, str] = os.environ,
    path: Path | None = None,
) -> Context:
    """The context to use: `name`, else the environment's, else the file's, else localhost."""
    hosts = environment.get("FLOCKER_CONTROL_SERVICE")
    name = name or environment.get("FLOCKER_CONTEXT")
    kept = load(path or file_path(environment))
    name = name or (kept.used if not hosts else None)
    context = kept.named(name) if name is not None else Context("", ("localhost",))
    if hosts:
        context = replace(context, hosts=_split(hosts))
    if certificates := environment.get("FLOCKER_CERTS_PATH"):
        context = replace(context, certificates_path=Path(certificates).expanduser())
    if user := environment.get("FLOCKER_USER"):
        context = replace(context, user=user)
    return context


def credentials(context: Context) -> tuple[Path, Path, Path] | None:
    """The paths of the cluster's certificate, the user's, and its key; None without TLS.

    Raises BadRequest if the directory lacks them, or has several users' and none is chosen.
    """
    folder = context.certificates_path
    if folder is None:
        return None
    cluster = folder / CLUSTER_FILE
    if not cluster.exists():
        raise BadRequest(f"{folder} has no {CLUSTER_FILE}: copy flocker-ca's files there")
    desired = f"user-{context.user}.crt" if context.user else "user-*.crt"
    found = sorted(path for path in folder.glob(desired) if path.with_suffix(".key").exists())
    if not found:
        who = f"of user {context.user}" if context.user else "of a user"
        raise BadRequest(f"{folder} has no certificate and key {who} ({desired} and its .key)")
    if len(found) > 1:
        names = ", ".join(path.stem.removeprefix("user-") for path in found)
        raise BadRequest(f"{folder} has certificates of {names}: choose one with FLOCKER_USER")
    return cluster, found[0], found[0].with_suffix(".key")


def _split(hosts: str) -> tuple[str, ...]:
    found = tuple(host.strip() for host in hosts.split(",") if host.strip())
    if not found:
        raise ClientError("FLOCKER_CONTROL_SERVICE has no address in it: write HOST or HOST:PORT")
    return found


def _parsed(found: Any) -> Contexts:
    if found is None:
        return Contexts()
    if found["format"] != FORMAT:
        raise ValueError(f"format {found['format']} is not known")
    contexts = {
        name: Context(
            name,
            tuple(str(host) for host in entry["hosts"]),
            Path(entry["certificates"]) if entry.get("certificates") else None,
            entry.get("user"),
        )
        for name, entry in found["contexts"].items()
    }
    return Contexts(contexts, found.get("used"))


def _entry(context: Context) -> dict[str, Any]:
    entry: dict[str, Any] = {"hosts": list(context.hosts)}
    if context.certificates_path is not None:
        entry["certificates"] = str(context.certificates_path)
    if context.user is not None:
        entry["user"] = context.user
    return entry
