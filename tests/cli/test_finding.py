"""What a person means by a name, an id, or the beginning of one."""

from typing import Any

import pytest

from flocker_lite.cli import finding
from flocker_lite.client.errors import BadRequest, NotThere

ONE: dict[str, Any] = {
    "dataset_id": "c01dc0de-0000-4000-8000-000000000001",
    "metadata": {"name": "redis"},
}
TWO: dict[str, Any] = {"dataset_id": "c01dc0de-0000-4000-8000-000000000002", "metadata": {}}


def find(word: str) -> str:
    """The id of the dataset that is meant."""
    found = finding.find(word, [ONE, TWO], finding.dataset_words, "dataset")
    return str(found["dataset_id"])


def test_by_name_or_id() -> None:
    """Both do."""
    assert find("redis") == find(ONE["dataset_id"]) == ONE["dataset_id"]


def test_by_the_beginning_of_an_id() -> None:
    """When it is long enough, and that of one alone."""
    assert finding.find("C01D", [ONE], finding.dataset_words, "dataset") is ONE
    with pytest.raises(NotThere):
        find("c01")
    with pytest.raises(BadRequest, match="may be several"):
        find("c01dc0de")


def test_what_is_near_is_named() -> None:
    """So that a slip of the finger is seen at once."""
    with pytest.raises(NotThere, match="did you mean redis"):
        find("redsi")


def test_a_whole_name_goes_before_a_beginning() -> None:
    """A container called as another one begins can be named."""
    items: list[dict[str, Any]] = [{"name": "redis"}, {"name": "redis-2"}]
    assert finding.find("redis", items, finding.container_words, "container") is items[0]
