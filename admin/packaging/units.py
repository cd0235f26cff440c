"""Reads systemd units, as far as ours go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """The section, key and value of each line of a unit.

    Raises ValueError for a line that has no value.
    """
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"{line!r} says nothing")
            yield section, key, value


def service(text: str) -> dict[str, str]:
    """What a unit says in its [Service] section."""
    return {key: value for section, key, value in settings(text) if section == "Service"}


def command_line(said: Mapping[str, str]) -> list[str]:
    """What a [Service] section starts, with none of the variables set."""
    return [word for word in said["ExecStart"].split() if not word.startswith("$")]


def confinement(said: Mapping[str, str]) -> list[str]:
    """The setpriv command that gives a program the user and the powers that a service has."""
    kept = said["CapabilityBoundingSet"].lower().replace("cap_", "").split()
    words = ["setpriv", f"--bounding-set={','.join(['-all', *(f'+{name}' for name in kept)])}"]
    if "User" in said:
        words += [f"--reuid={said['User']}", f"--regid={said['Group']}", "--clear-groups"]
    return words
