"""What an adoption takes, as JSON, and the datasets that it makes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from uuid import uuid4

from flocker_lite.control.http import bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.errors import Fact, NotFound
from flocker_lite.model.adoption import Adoption, Remark, Source, unused
from flocker_lite.model.dataset_names import NAME
from flocker_lite.model.records import Configuration, Dataset


def dataset_names(configuration: Configuration, sources: Iterable[Source]) -> dict[str, str]:
    """What the dataset of each source can be called, by what the agent calls it.

    A request names a dataset by its name, so no other may have it.
    """
    known = [
        dataset.metadata.get(NAME, "")
        for dataset in configuration.datasets.values()
        if not dataset.deleted
    ]
    names: dict[str, str] = {}
    for source in sources:
        if source.dataset is not None:
            names[source.dataset] = unused(source.dataset, [*known, *names.values()])
    return names


def without(found: Adoption, leave: Collection[str]) -> Adoption:
    """The adoption without the data of these volumes and directories, which the user leaves there.

    They get no dataset, so the volumes of the container that name one do not count. NotFound if the
    container has no such data.
    """
    taken = {source.source: source for source in found.sources if source.take}
    for name in leave:
        if name not in taken:
            known = ", ".join(sorted(taken)) or "nothing"
            raise NotFound(
                f"The container has no data of the name {name} that would be taken.",
                Fact(f"it has {known}", ("leave",), name, known=tuple(sorted(taken))),
            )
    left = [taken[name] for name in dict.fromkeys(leave)]
    return replace(
        found,
        sources=tuple(_left(source) if source in left else source for source in found.sources),
        not_kept=(*found.not_kept, *(Remark("volumes", _lost(source)) for source in left)),
    )


def _left(source: Source) -> Source:
    return replace(source, take=False, why="you leave it", dataset=None)


def _lost(source: Source) -> str:
    return f"{source.source} at {source.mountpoint}: you leave it, so the container has it no more"


def new_dataset(host: str, name: str, maximum_size: int | None = None) -> Dataset:
    """A dataset of that name on that node."""
    body = {"primary": host, "metadata": {NAME: name}, "maximum_size": maximum_size}
    return bodies.dataset_from_body(body, str(uuid4()))


def source_body(source: Source, names: Mapping[str, str]) -> Body:
    """What is mounted; `names` are those that the datasets can have."""
    return {
        "source": source.source,
        "mountpoint": source.mountpoint,
        "kind": source.kind,
        "take": source.take,
        "why": source.why,
        "path": source.path,
        **({} if source.dataset is None else {"dataset": names[source.dataset]}),
        **({"read_only": True} if source.read_only else {}),
        "size_bytes": source.size_bytes,
    }


def remark_bodies(remarks: Iterable[Remark]) -> list[Body]:
    """Each once, in order."""
    return [{"field": remark.field, "message": remark.text} for remark in dict.fromkeys(remarks)]
