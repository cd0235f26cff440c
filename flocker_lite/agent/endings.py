"""IEndings in a file: which containers ended by themselves, over restarts of agent and node."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from zope.interface import implementer

from flocker_lite.agent import durable
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces import IEndings
from flocker_lite.model import codec
from flocker_lite.model.state import Ending

FILE_NAME = "endings.json"


class RunInThread(Protocol):
    """`deferToThreadPool` with a reactor and a pool of its own."""

    def __call__(self, function: Any, *arguments: Any) -> Deferred[Any]: ...  # pragma: no cover


@dataclass(frozen=True, slots=True)
class _Content:
    endings: PMap[str, Ending] = field(default_factory=pmap)


@implementer(IEndings)
class EndingsFile:
    """What is remembered, in a file of this directory; it is made when there is something.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._path = directory / FILE_NAME
        self._run = run_in_thread
        self.remembered = self._load()

    async def remember(self, endings: PMap[str, Ending]) -> None:
        try:
            await self._run(durable.write, self._path, codec.dumps(_Content(endings)))
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be written: {error}") from None
        self.remembered = endings

    def _load(self) -> PMap[str, Ending]:
        try:
            return codec.loads(_Content, self._path.read_text("utf-8")).endings
        except FileNotFoundError:
            return pmap()
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be read: {error}") from None
        except (ValueError, codec.CodecError):
            raise ConfigurationFileError(
                f"{self._path} is damaged: remove it; containers of this node that had done their "
                "work then run once more"
            ) from None
