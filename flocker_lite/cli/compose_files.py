"""Makes a request of a Compose file: with its variables, and without the files that it names.

What a file says stays as it is but for what only this machine knows: `.env`, `env_file`, and paths
that are relative to the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flocker_lite.applications.interpolation import BadVariable, escaped, interpolate, names
from flocker_lite.cli import compose_yaml, environment_files
from flocker_lite.cli.compose_yaml import ComposeFile
from flocker_lite.cli.inputs import file_bytes
from flocker_lite.client.errors import BadRequest

FILE_BYTES_MAX = 1024**2
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]")


@dataclass(slots=True)
class Loaded:
    """A Compose file as a request has it, and the file as it was read."""

    file: ComposeFile
    compose: dict[str, Any]
    variables: dict[str, str | None]
    name: str


def load(path: Path, environment: Mapping[str, str], files: tuple[Path, ...]) -> Loaded:
    """Read a Compose file; `files` have its variables instead of `.env` beside it.

    Those of the `environment` count more. BadRequest if something cannot be read.
    """
    file = _parsed(path)
    folder = path.resolve().parent
    known: dict[str, str | None] = {}
    for each in files or (folder / ".env",):
        if files or each.exists():
            known |= _variables(each, {**known, **environment})
    known |= environment
    compose = _Resolver(file, folder, known).document(file.content)
    needed = names(compose) | frozenset(_bare(compose))
    return Loaded(
        file, compose, {name: known.get(name) for name in sorted(needed)}, _name(compose, folder)
    )


def _name(compose: Mapping[str, Any], folder: Path) -> str:
    """As Compose has it: what the file says, or the directory's name without what names lack."""
    named = compose.get("name")
    if isinstance(named, str) and "$" not in named:
        return named
    return _NOT_IN_NAMES.sub("", folder.name.lower()).lstrip("_-") or "application"


def _parsed(path: Path) -> ComposeFile:
    try:
        text = file_bytes(path, FILE_BYTES_MAX).decode("utf-8")
        return compose_yaml.parsed(text, str(path))
    except UnicodeDecodeError:
        raise BadRequest(f"{path} is not UTF-8") from None
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _variables(path: Path, known: Mapping[str, str | None]) -> dict[str, str | None]:
    try:
        text = file_bytes(path, FILE_BYTES_MAX).decode("utf-8")
        found = environment_files.parsed(text, str(path), known)
    except UnicodeDecodeError:
        raise BadRequest(f"{path} is not UTF-8") from None
    except ValueError as error:
        raise BadRequest(str(error)) from None
    # A name without a value has that of the environment.
    return {name: known.get(name) if each is None else each for name, each in found.items()}


def _bare(compose: Mapping[str, Any]) -> Iterator[str]:
    """The variables of services that have no value in the file."""
    for service in _objects(compose.get("services")).values():
        given = _objects(service).get("environment")
        if isinstance(given, dict):
            yield from (name for name, each in given.items() if each is None)
        elif isinstance(given, list):
            yield from (each for each in given if isinstance(each, str) and "=" not in each)


def _objects(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class _Resolver:
    """Replaces what only this machine knows; what it cannot read the service will refuse."""

    def __init__(
        self, file: ComposeFile, folder: Path, variables: Mapping[str, str | None]
    ) -> None:
        self._file = file
        self._folder = folder
        self._variables = variables

    def document(self, content: dict[str, Any]) -> dict[str, Any]:
        """The whole document."""
        services = content.get("services")
        if not isinstance(services, dict):
            return content
        return {
            **content,
            "services": {
                name: self._service(name, each) if isinstance(each, dict) else each
                for name, each in services.items()
            },
        }

    def _service(self, name: str, service: dict[str, Any]) -> dict[str, Any]:
        found = dict(service)
        if "env_file" in found:
            found["environment"] = self._environment(name, found)
            del found["env_file"]
        if isinstance(found.get("volumes"), list):
            found["volumes"] = [self._volume(each) for each in found["volumes"]]
        return found

    def _environment(self, name: str, service: Mapping[str, Any]) -> Any:
        """The variables of `env_file`, and over them those of `environment`."""
        found: dict[str, str | None] = {}
        given = service["env_file"]
        for each in given if isinstance(given, list) else [given]:
            about = each if isinstance(each, dict) else {"path": each}
            path = self._folder / self._text(str(about.get("path", "")))
            if not path.exists() and about.get("required") is False:
                continue
            try:
                found |= _variables(path, self._variables)
            except BadRequest as error:
                where = self._file.where(("services", name, "env_file"))
                raise BadRequest(f"{where}: {error}") from None
        texts: dict[str, Any] = {
            key: None if value is None else escaped(value) for key, value in found.items()
        }
        own = service.get("environment")
        if isinstance(own, list):
            pairs = (str(each).partition("=") for each in own)
            own = {key: value if equals else None for key, equals, value in pairs}
        return {**texts, **own} if isinstance(own, dict) else texts

    def _volume(self, given: Any) -> Any:
        if isinstance(given, str):
            text = self._text(given)
            source, colon, rest = text.partition(":")
            return escaped(f"{self._absolute(source)}:{rest}") if colon else given
        if isinstance(given, dict) and given.get("type") == "bind" and "source" in given:
            source = self._absolute(self._text(str(given["source"])), is_path=True)
            return {**given, "source": escaped(source)}
        return given

    def _text(self, text: str) -> str:
        try:
            return interpolate(text, self._variables)
        except BadVariable:
            return text

    def _absolute(self, source: str, is_path: bool = False) -> str:
        """A path that begins with . or ~ from the root on; anything else as it is."""
        if source.startswith("~"):
            home = self._variables.get("HOME") or "~"
            return home + source[1:]
        if source.startswith(".") or (is_path and not source.startswith("/")):
            return str((self._folder / source).resolve())
        return source
