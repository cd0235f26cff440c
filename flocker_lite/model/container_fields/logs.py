"""Where Docker keeps what a container writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyrsistent import PMap, pmap

from flocker_lite.model.container_fields.text_schemas import WORD
from flocker_lite.model.fields import Schema, described, exactly

JSON_FILE = "json-file"


@dataclass(frozen=True, slots=True)
class Logging:
    """A log driver of Docker's, and its options."""

    driver: str = JSON_FILE
    options: PMap[str, str] = field(default_factory=pmap)


_LOGGING: Schema = {
    "description": "Docker's log driver and its options; json-file unless given, which rotates at "
    "10 MB and keeps 5 files\nunless its `max-size` and `max-file` say otherwise. "
    "The default of the node's Docker does not count.\n",
    "x-words": 'an object such as {"driver": "json-file", "options": {"max-size": "50m"}}',
    **exactly(
        optional=["driver", "options"],
        driver={
            "type": "string",
            "x-words": "the name of a log driver of Docker's, such as json-file, local or journald",
            "maxLength": 256,
            "pattern": r"^[a-zA-Z0-9][a-zA-Z0-9_./:-]*$(?!\n)",
        },
        options={
            "type": "object",
            "maxProperties": 64,
            "x-words": 'an object such as {"max-size": "50m", "max-file": "3"}',
            "x-key-words": "the name of an option of the log driver",
            "patternProperties": {r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$(?!\n)": WORD},
            "additionalProperties": False,
        },
    ),
}


def _logging(body: Mapping[str, Any]) -> Logging:
    """Of what passed the schema."""
    return Logging(body.get("driver", JSON_FILE), pmap(body.get("options", {})))


def _logging_body(logging: Logging) -> dict[str, Any]:
    """As JSON; options that were not given are left out."""
    options = {"options": dict(logging.options)} if logging.options else {}
    return {"driver": logging.driver, **options}


LOGGING = described(
    "Docker's log driver and its options; json-file, five files of 10 MB, unless given.",
    _LOGGING,
    parse=_logging,
    render=_logging_body,
    protocol=2,
)
