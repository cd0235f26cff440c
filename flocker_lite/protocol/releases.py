"""Releases: the control service asks an agent what a container of its node would become.

An agent that cannot say so answers in the words of `protocol.adoptions`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp

from flocker_lite.model import codec
from flocker_lite.model.adoption import Release
from flocker_lite.protocol.adoptions import AdoptionForbidden, NoAdoption, NoSuchContainer, asked
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.long_text import LongText

LookAtRelease: TypeAlias = Callable[[str, str | None], Awaitable[Release]]
"""What a container of ours would become, by its name, and under which name if that is said."""


class DescribeRelease(amp.Command):
    """Asks what a container of ours would become; `release` is the record as JSON text."""

    arguments = [(b"name", amp.Unicode()), (b"docker_name", amp.Unicode(optional=True))]
    response = [(b"release", LongText())]
    errors = {
        NoSuchContainer: b"NO_SUCH_CONTAINER",
        AdoptionForbidden: b"ADOPTION_FORBIDDEN",
        NoAdoption: b"NO_ADOPTION",
    }


async def describe(link: Link, clock: IReactorTime, name: str, docker_name: str | None) -> Release:
    """What the agent at the other end says; NoAdoption if it says nothing in time."""
    asking = link.callRemote(DescribeRelease, name=name, docker_name=docker_name)
    return await asked(clock, asking, lambda answer: codec.loads(Release, answer["release"]))


class ReleasingLink(Link):
    """An agent's end of a connection, which looks at containers with `look_at_release`."""

    look_at_release: LookAtRelease | None = None

    @DescribeRelease.responder
    def describe_release(
        self, name: str, docker_name: str | None = None
    ) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if self.look_at_release is None:
                raise NoAdoption("The agent is only just starting: ask again.")
            return {"release": codec.dumps(await self.look_at_release(name, docker_name))}

        return self.answering(answer(), NoAdoption, "looking at a container failed")
