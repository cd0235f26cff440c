"""The bills of materials (CycloneDX 1.5) of a release, made of the locks that are read.

That of the release names the libraries of requirements/rpm.lock, those in the dashboard and in the
documentation, with who needs whom, and the sources that the interpreter of the RPM is compiled
from. That of the wheel names only what is in the wheel: pip installs the rest, in versions of its
choice, and each of those has a description of its own. The same locks give the same text.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCK = Path("requirements/rpm.lock")
DASHBOARD_LOCK = Path("web/package-lock.json")
DOCUMENTATION_LOCK = Path("requirements/dev.lock")
DOCUMENTATION = frozenset({"alabaster", "sphinx"})
"""Their scripts and styles are in the documentation that the control service serves."""
SOURCES = Path("packaging/rpm/sources.lock")
ROOT_NAME = "flocker-lite"
SPACE = uuid.UUID("5f0c2d1e-6a55-4d0e-9d1c-0f6c6e1b7a11")
"""What serial numbers of our bills are made in."""


@dataclass(frozen=True, slots=True)
class Library:
    """A pinned library, and who needs it."""

    name: str
    version: str
    needed_by: tuple[str, ...]
    kind: str = "pypi"

    @property
    def reference(self) -> str:
        """Its package URL."""
        return f"pkg:{self.kind}/{self.name.replace('@', '%40')}@{self.version}"


def libraries(lock: str) -> Iterator[Library]:
    """Those of a lock that pip-compile wrote."""
    for pinned in re.split(r"^(?=\S+==)", lock, flags=re.MULTILINE)[1:]:
        match = re.match(r"(\S+)==(\S+)", pinned)
        assert match is not None
        said = [line.strip(" #") for line in pinned.splitlines() if line.strip().startswith("#")]
        words = [each.removeprefix("via").strip() for each in said]
        needed_by = [each.split(" ")[0] for each in words if each and not each.startswith("-")]
        yield Library(match[1], match[2], tuple(needed_by))


def scripts(lock: str) -> Iterator[Library]:
    """Those of npm's lock that are bundled into the dashboard."""
    packages = {
        path.removeprefix("node_modules/") or ROOT_NAME: package
        for path, package in json.loads(lock)["packages"].items()
        if not package.get("dev")
    }
    for name, package in packages.items():
        if name != ROOT_NAME:
            users = (
                user
                for user, other in packages.items()
                if name in {**other.get("dependencies", {}), **other.get("peerDependencies", {})}
            )
            yield Library(name, package["version"], tuple(users), "npm")


def styles(lock: str) -> Iterator[Library]:
    """Those of such a lock that leave something of theirs in the documentation."""
    for each in libraries(lock):
        if each.name in DOCUMENTATION:
            yield Library(each.name, each.version, (ROOT_NAME,))


def sources(lock: str) -> Iterator[dict[str, Any]]:
    """The components that the interpreter consists of, from their lock."""
    for line in lock.splitlines():
        if line and not line.startswith("#"):
            name, version, digest = line.split()
            yield {
                "type": "platform" if name.startswith("python") else "library",
                "bom-ref": f"pkg:deb/debian/{name}@{version}?arch=source",
                "name": name,
                "version": version,
                "purl": f"pkg:deb/debian/{name}@{version.replace(':', '%3A')}?arch=source",
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "description": "Compiled into the interpreter of the RPM; the hash is of its .dsc.",
            }


def bill(checkout: Path, version: str) -> str:
    """The text of the bill of all that a release has, and that an RPM of it carries."""
    found = (*libraries((checkout / LOCK).read_text()), *_bundled(checkout))
    return _text(version, found, sources((checkout / SOURCES).read_text()))


def bill_of_wheel(checkout: Path, version: str) -> str:
    """The text of the bill that the wheel carries."""
    return _text(version, _bundled(checkout), ())


def _bundled(checkout: Path) -> tuple[Library, ...]:
    """What of others is in the project's own files, once admin/setup has made them."""
    return (
        *scripts((checkout / DASHBOARD_LOCK).read_text()),
        *styles((checkout / DOCUMENTATION_LOCK).read_text()),
    )


def _text(version: str, libraries: Iterable[Library], compiled: Iterable[dict[str, Any]]) -> str:
    found = sorted(libraries, key=lambda each: each.name)
    root = f"pkg:pypi/{ROOT_NAME}@{version}"
    references = {(each.kind, each.name): each.reference for each in found}
    references |= {(each.kind, ROOT_NAME): root for each in found}
    components = [
        {
            "type": "library",
            "bom-ref": each.reference,
            "name": each.name,
            "version": each.version,
            "purl": each.reference,
        }
        for each in found
    ]
    needs = {reference: set[str]() for reference in references.values()}
    for each in found:
        for user in each.needed_by:
            needs[references[each.kind, user]].add(each.reference)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": ROOT_NAME,
                "version": version,
                "purl": root,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [*components, *compiled],
        "dependencies": [
            {"ref": reference, "dependsOn": sorted(needs[reference])} for reference in sorted(needs)
        ],
    }
    text = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(SPACE, text)}"
    return json.dumps(document, indent=2) + "\n"
