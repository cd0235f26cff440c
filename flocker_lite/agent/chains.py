"""The signed proofs of this node's datasets on disk, one file for each dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from flocker_lite import durable
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model import codec
from flocker_lite.model.grants import Chain, Signed
from flocker_lite.model.records import DatasetId

FOLDER = "proofs"
SUFFIX = ".json"
DAMAGED_SUFFIX = ".damaged"


@dataclass(frozen=True, slots=True)
class _Writing:
    lock: DeferredLock
    path: Path


class ChainFiles:
    """The chains as they were last written, in a folder of this directory.

    Raises ConfigurationFileError when a file cannot be read or written. A damaged file is renamed,
    and its dataset has no chain: the node serves its other datasets, and can prove nothing about
    this one. A user settles the claim if the control service does not know the grant either.
    """

    log = Logger()

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._folder = directory / FOLDER
        self._run = run_in_thread
        self._writing: dict[DatasetId, _Writing] = {}
        self._known = dict(self._load())

    @property
    def known(self) -> Mapping[DatasetId, tuple[Signed, ...]]:
        """The chain of each dataset on disk."""
        return MappingProxyType(self._known)

    async def write(self, dataset_id: DatasetId, links: tuple[Signed, ...]) -> None:
        """Write the chain durably; remove the file when the chain is empty."""
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
                self._put_away(path)
        return found

    def _put_away(self, path: Path) -> None:
        damaged = path.with_suffix(DAMAGED_SUFFIX)
        try:
            path.replace(damaged)
        except OSError as error:
            raise ConfigurationFileError(f"{path} cannot be renamed: {error}") from None
        self.log.error(
            "{path} is damaged, and is {damaged} now: how the dataset came here cannot be proved",
            path=str(path),
            damaged=damaged.name,
        )
