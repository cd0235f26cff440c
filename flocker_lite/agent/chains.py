"""What is signed of this node's datasets, on its disk: one file for each, as long as it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from twisted.internet.defer import DeferredLock

from flocker_lite import durable
from flocker_lite.agent.remembered import RunInThread
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model import codec
from flocker_lite.model.grants import Chain, Signed
from flocker_lite.model.records import DatasetId

FOLDER = "proofs"
SUFFIX = ".json"
ADVICE = "remove it; where nobody else has it either, a user has to settle whose the dataset is"


@dataclass(frozen=True, slots=True)
class _Writing:
    lock: DeferredLock
    path: Path


class ChainFiles:
    """The chains as they were written last, in a folder of this directory.

    Raises ConfigurationFileError when a file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._folder = directory / FOLDER
        self._run = run_in_thread
        self._writing: dict[DatasetId, _Writing] = {}
        self._known = dict(self._load())

    @property
    def known(self) -> Mapping[DatasetId, tuple[Signed, ...]]:
        """What is on disk of each dataset."""
        return MappingProxyType(self._known)

    async def write(self, dataset_id: DatasetId, links: tuple[Signed, ...]) -> None:
        """Have these on disk when this returns, and no file when there are none."""
        writing = self._writing.get(dataset_id)
        if writing is None:
            path = self._folder / f"{dataset_id}{SUFFIX}"
            writing = self._writing[dataset_id] = _Writing(DeferredLock(), path)
        await writing.lock.acquire()
        try:
            if links:
                await self._run(durable.write, writing.path, codec.dumps(Chain(links)))
                self._known[dataset_id] = links
            else:
                self._known.pop(dataset_id, None)
                await self._run(writing.path.unlink, True)
        except OSError as error:
            raise ConfigurationFileError(f"{writing.path} cannot be written: {error}") from None
        finally:
            writing.lock.release()
            if not writing.lock.locked:
                self._writing.pop(dataset_id, None)

    def _load(self) -> Mapping[DatasetId, tuple[Signed, ...]]:
        found = {}
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                found[path.stem] = codec.loads(Chain, path.read_text("utf-8")).links
            except OSError as error:
                raise ConfigurationFileError(f"{path} cannot be read: {error}") from None
            except (ValueError, codec.CodecError):
                raise ConfigurationFileError(f"{path} is damaged: {ADVICE}") from None
        return found
