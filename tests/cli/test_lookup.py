"""What a person means by a name, an id, or the beginning of one."""

from typing import Any

import pytest

from flocker_lite.cli import lookup
from flocker_lite.client.errors import BadRequest, NotFound

ONE: dict[str, Any] = {
    "dataset_id": "c01dc0de-0000-4000-8000-000000000001",
    "metadata": {"name": "redis"},
}
TWO: dict[str, Any] = {"dataset_id": "c01dc0de-0000-4000-8000-000000000002", "metadata": {}}


def find(word: str) -> str:
    """The id of the dataset that is meant."""
    found = lookup.find(word, [ONE, TWO], lookup.dataset_names, "dataset")
    return str(found["dataset_id"])


def test_by_name_or_id() -> None:
    """Both do."""
    assert find("redis") == find(ONE["dataset_id"]) == ONE["dataset_id"]


def test_by_the_beginning_of_an_id() -> None:
    """When it is long enough, and that of one alone."""
    assert lookup.find("C01D", [ONE], lookup.dataset_names, "dataset") is ONE
    with pytest.raises(NotFound):
        find("c01")
    with pytest.raises(BadRequest, match="matches several"):
        find("c01dc0de")


def test_whole_names_alone() -> None:
    """Where the beginning of a name is too little to go on."""
    items = [{"name": "postgres"}]
    for word, is_whole in (("postgres", True), ("post", False)):
        assert lookup.find(word, items, lookup.secret_names, "secret", is_whole) is items[0]
    with pytest.raises(NotFound):
        lookup.find("post", items, lookup.secret_names, "secret", is_whole=True)


def test_what_is_near_is_named() -> None:
    """So that a slip of the finger is seen at once."""
    with pytest.raises(NotFound, match="did you mean redis"):
        find("redsi")


def test_a_whole_name_goes_before_a_beginning() -> None:
    """A container called as another one begins can be named."""
    items: list[dict[str, Any]] = [{"name": "redis"}, {"name": "redis-2"}]
    assert lookup.find("redis", items, lookup.container_names, "container") is items[0]
