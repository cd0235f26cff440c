"""What the fencing protocol calls that which is ended as one: a container, or a volume of Docker's.

A volume is fenced by itself, because Docker's containers that use it are not ours. So it has a name
where a container of ours has one otherwise. Containers' names begin with a letter or a digit; older
agents take this for such a name.
"""

from __future__ import annotations

from flocker_lite.model.identities import DatasetId

_VOLUME = ".volume."


def volume_unit(dataset_id: DatasetId) -> str:
    """What the protocol calls a volume of Docker's."""
    return f"{_VOLUME}{dataset_id}"


def volume_of(name: str) -> DatasetId | None:
    """The dataset of the volume that the protocol calls so; None for a container."""
    return name.removeprefix(_VOLUME) if name.startswith(_VOLUME) else None
