"""Datasets by name in a request: what is stored has their ids; pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from flocker_lite.errors import Conflict, Fact, NotFound
from flocker_lite.model.editing import NAMES_MAX
from flocker_lite.model.records import Configuration, DatasetId

NAME = "name"
"""The key of a dataset's metadata that is its name; several datasets may have the same."""


def with_ids(configuration: Configuration, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of a container with the id of each dataset that it names otherwise.

    NotFound when there is no dataset of that name, Conflict when there are several.
    """
    volumes = body.get("volumes")
    if not volumes or all("dataset_id" in volume for volume in volumes):
        return body
    return {**body, "volumes": [_with_id(configuration, volume) for volume in volumes]}


def _with_id(configuration: Configuration, volume: Mapping[str, Any]) -> Mapping[str, Any]:
    if "dataset_id" in volume:
        return volume
    rest = {key: value for key, value in volume.items() if key != "dataset"}
    return {"dataset_id": dataset_called(configuration, volume["dataset"]), **rest}


def dataset_called(configuration: Configuration, name: str) -> DatasetId:
    """The id of the dataset of that name or id; NotFound for none, Conflict for several."""
    if name.lower() in configuration.datasets:
        return name.lower()
    live = [each for each in configuration.datasets.values() if not each.deleted]
    found = sorted(each.dataset_id for each in live if each.metadata.get(NAME) == name)
    if not found:
        known = filter(None, (each.metadata.get(NAME) for each in live))
        text = f"no dataset has the name {name} in its metadata"
        fact = Fact(text, ("dataset",), name, known=tuple(islice(known, NAMES_MAX)))
        raise NotFound("Dataset not found.", fact)
    if len(found) > 1:
        several = " and ".join(found[:3])
        text = f"datasets {several} have the name {name}: give the dataset_id of one"
        raise Conflict("Several datasets have this name.", Fact(text, ("dataset",), name))
    return found[0]
