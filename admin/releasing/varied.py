"""Another machine, as far as one machine can play it: what differs when a release is made anew.

A release is worth comparing only if its second making differs from the first one in all that
another machine would differ in. Here that is data; `docs/making-a-release.rst` says it to people.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from admin.vm.commands import run
from admin.vm.errors import CommandFailed

TRY_SECONDS_MAX = 30

ELSEWHERE = Path("/dev/shm")
"""A file system that is another one than that of the checkout, and lists files in another order."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One thing that is different, by what stands before a command and by its environment."""

    name: str
    words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def _shell(script: str) -> tuple[str, ...]:
    """Words that have a shell do something before it becomes what follows."""
    return ("sh", "-ec", f'{script}; exec "$@"', "sh")


VARIATIONS = (
    # First those that need the rights of who makes the release, in a namespace of their own.
    Variation(
        "host name",
        ("unshare", "--user", "--map-root-user", "--uts", "--", *_shell("hostname far.example")),
    ),
    Variation("user", ("unshare", "--user", "--map-user=1234", "--map-group=1234", "--")),
    Variation("umask", _shell("umask 077")),
    Variation("processors", ("taskset", "--cpu-list", str(min(os.sched_getaffinity(0))))),
    Variation("kernel", ("setarch", "--uname-2.6")),
    Variation("addresses in memory", ("setarch", "--addr-no-randomize")),
    Variation("niceness", ("nice", "-n", "7")),
    Variation("clock", ("faketime", "-f", "+9d")),
    Variation("time zone", environment={"TZ": "UTC-14"}),
    Variation(
        "language",
        environment={"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "LANGUAGE": "tr"},
    ),
    Variation(
        "home",
        environment={"HOME": "/nonexistent", "USER": "somebody", "LOGNAME": "somebody"},
    ),
)


@dataclass(frozen=True, slots=True)
class Able:
    """The variations that this machine can do, and why it cannot do the others."""

    variations: tuple[Variation, ...]
    left_out: Mapping[str, str]

    def command(self, argv: Iterable[str]) -> tuple[str, ...]:
        """The command, with all that stands before it."""
        return (*(word for each in self.variations for word in each.words), *argv)

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """An environment, with what the variations change in it."""
        changed = {key: text for each in self.variations for key, text in each.environment.items()}
        return {**given, **changed}


def able(variations: Iterable[Variation]) -> Able:
    """Try each of them, on top of those before it, with a command that does nothing."""
    found = Able((), {})
    for each in variations:
        tried = Able((*found.variations, each), found.left_out)
        try:
            run(
                tried.command(("true",)),
                timeout_seconds=TRY_SECONDS_MAX,
                environment=tried.environment(os.environ),
            )
        except CommandFailed as error:
            found = Able(
                found.variations, {**found.left_out, each.name: error.output_tail or error.reason}
            )
        else:
            found = tried
    return found
