"""A record in a file of its own, which outlives restarts of the agent and of the node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from twisted.internet.defer import DeferredLock

from flocker_lite import durable
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model import codec

Record = TypeVar("Record")


class RecordFile(Generic[Record]):
    """The record as it was last written, or an empty one of its kind.

    Raises ConfigurationFileError when the file cannot be read or written. When it is damaged, the
    error has `advice` on what to do.
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
        # After a write that failed, nobody knows what is in the file.
        self._is_written = True

    async def write(self, record: Record) -> None:
        """Write the record durably; concurrent writes go one after the other."""
        await self.update(lambda _: record)

    async def update(self, change: Callable[[Record], Record]) -> None:
        """Write what `change` makes of the record, durably; nobody else writes in between.

        A record that stays as it is is not written again.
        """
        await self._turn.acquire()
        try:
            record = change(self.record)
            if record == self.record and self._is_written:
                return
            self._is_written = False
            await self._run(durable.write, self._path, codec.dumps(record))
            self.record, self._is_written = record, True
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be written: {error}") from None
        finally:
            self._turn.release()

    def _load(self) -> Record:
        try:
            return codec.loads(self._kind, self._path.read_text("utf-8"))
        except FileNotFoundError:
            return self._kind()
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be read: {error}") from None
        except (ValueError, codec.CodecError):
            raise ConfigurationFileError(f"{self._path} is damaged: {self._advice}") from None
