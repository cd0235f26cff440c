"""A record that a node remembers over restarts of its agent and of itself, in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, DeferredLock

from flocker_lite import durable
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model import codec

Record = TypeVar("Record")


class RunInThread(Protocol):
    """`deferToThreadPool` with a reactor and a pool of its own."""

    def __call__(self, function: Any, *arguments: Any) -> Deferred[Any]: ...  # pragma: no cover


class RecordFile(Generic[Record]):
    """The record as it was written last; an empty one of its kind when it never was.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged, with
    `advice` on what to do then.
    """

    def __init__(
        self, path: Path, kind: type[Record], run_in_thread: RunInThread, advice: str
    ) -> None:
        self._path = path
        self._kind = kind
        self._run = run_in_thread
        self._advice = advice
        self._turn = DeferredLock()
        self.record = self._load()

    async def write(self, record: Record) -> None:
        """Have it on disk when this returns; what is written meanwhile goes one after the other."""
        await self._turn.acquire()
        try:
            await self._run(durable.write, self._path, codec.dumps(record))
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be written: {error}") from None
        finally:
            self._turn.release()
        self.record = record

    def _load(self) -> Record:
        try:
            return codec.loads(self._kind, self._path.read_text("utf-8"))
        except FileNotFoundError:
            return self._kind()
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be read: {error}") from None
        except (ValueError, codec.CodecError):
            raise ConfigurationFileError(f"{self._path} is damaged: {self._advice}") from None
