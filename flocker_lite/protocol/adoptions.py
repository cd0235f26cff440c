"""Adoptions: the control service asks an agent what a container of its node would become."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp

from flocker_lite.errors import FlockerError
from flocker_lite.model import codec
from flocker_lite.model.adoption import Adoption
from flocker_lite.protocol.link import DISCONNECTED, Link
from flocker_lite.protocol.long_text import TEXT_BYTES_MAX, LongText

ADOPTION_SECONDS_MAX = 30.0

Answer = TypeVar("Answer")

CONTAINER = "container"

LookAtContainer: TypeAlias = Callable[[str, str | None, str], Awaitable[Adoption]]
"""What a container would become, by its name in Docker, and under which name if that is said.

The last argument is CONTAINER, or the kind of a `Source` that is looked at by itself.
"""


class NoAdoption(FlockerError):
    """The agent cannot say what a container would become; the text says why, and what to do."""


class NoSuchContainer(NoAdoption):
    """Docker has no such container."""


class AdoptionForbidden(NoAdoption):
    """The node's administrator does not allow it."""


class TooManyAdoptions(NoAdoption):
    """The agent is asked too much at once."""


class AdoptionAway(NoAdoption):
    """The agent disconnected, or does not answer."""


class AdoptionUnknown(NoAdoption):
    """The agent's release does not know adoptions."""


class DescribeAdoption(amp.Command):
    """Asks what a container would become; `adoption` is the record as JSON text.

    With a `kind` it is about a volume or a directory of that name.
    """

    arguments = [
        (b"container", amp.Unicode()),
        (b"name", amp.Unicode(optional=True)),
        (b"kind", amp.Unicode(optional=True)),
    ]
    response = [(b"adoption", LongText())]
    errors = {
        NoSuchContainer: b"NO_SUCH_CONTAINER",
        AdoptionForbidden: b"ADOPTION_FORBIDDEN",
        TooManyAdoptions: b"TOO_MANY_ADOPTIONS",
        NoAdoption: b"NO_ADOPTION",
    }


async def describe(
    link: Link,
    clock: IReactorTime,
    container: str,
    name: str | None,
    kind: str = CONTAINER,
) -> Adoption:
    """What the agent at the other end says; NoAdoption if it says nothing in time."""
    about = None if kind == CONTAINER else kind
    asking = link.callRemote(DescribeAdoption, container=container, name=name, kind=about)
    return await asked(clock, asking, lambda answer: codec.loads(Adoption, answer["adoption"]))


async def asked(
    clock: IReactorTime, asking: Deferred[Any], read: Callable[[Mapping[str, Any]], Answer]
) -> Answer:
    """What `read` makes of the answer that is asked for; NoAdoption when none comes in time."""
    try:
        return read(await asking.addTimeout(ADOPTION_SECONDS_MAX, clock))
    except TimeoutError:
        said = f"The agent did not answer within {ADOPTION_SECONDS_MAX:g} s: ask again later."
        raise AdoptionAway(said) from None
    except DISCONNECTED:
        said = "The agent disconnected meanwhile: ask again when it is back."
        raise AdoptionAway(said) from None
    except amp.UnhandledCommand:
        raise AdoptionUnknown(
            "The agent of that node is too old to look at other containers: upgrade it."
        ) from None
    except (amp.RemoteAmpError, codec.CodecError) as error:
        said = f"The agent cannot say what the container would become: {error}; see its log."
        raise NoAdoption(said) from None


class AdoptingLink(Link):
    """An agent's end of a connection, which looks at containers with `look_at_container`."""

    look_at_container: LookAtContainer | None = None

    @DescribeAdoption.responder
    def describe_adoption(
        self, container: str, name: str | None = None, kind: str | None = None
    ) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if self.look_at_container is None:
                raise NoAdoption("The agent is only just starting: ask again.")
            text = codec.dumps(await self.look_at_container(container, name, kind or CONTAINER))
            if len(text.encode("utf-8")) > TEXT_BYTES_MAX:
                raise NoAdoption(
                    f"What Docker says of the container has more than {TEXT_BYTES_MAX} bytes: give "
                    "it fewer or shorter labels and variables."
                )
            return {"adoption": text}

        return self.answering(answer(), NoAdoption, "looking at a container failed")
