"""What runs in a container, and how."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.model.container_fields.text_schemas import HOST_NAME, WORD
from flocker_lite.model.fields import Schema, described
from flocker_lite.model.quantities import as_number, duration, duration_seconds

STOP_TIMEOUT_SECONDS = 30.0
"""How long a container may take to end that says nothing else."""

STOP_TIMEOUT_SECONDS_MAX = 86_400

_VARIABLE = {
    "patternProperties": {
        r"^[^=\u0000]+$": {
            "type": "string",
            "pattern": r"^[^\u0000]*$",
            "x-words": "a text without a NUL",
        }
    },
    "additionalProperties": False,
}


def _words(words: list[str]) -> tuple[str, ...] | None:
    return tuple(words) or None


ENVIRONMENT = described(
    "The variables of its programs.",
    {
        "description": "The names and values of variables. Linux takes none whose name "
        "and value have more than\n131,070 bytes together.\n",
        "type": "object",
        "x-words": "an object of at most 1024 variables, each with a text",
        "x-key-words": "the name of a variable, which is not empty and has no = in it",
        "x-variable-bytes-max": 131071,
        "maxProperties": 1024,
        **_VARIABLE,
    },
    {"type": "object", "maxProperties": 1024, **_VARIABLE},
    parse=pmap,
    render=dict,
)
COMMAND_LINE = described(
    "The command and its arguments, instead of the image's own.",
    {
        "description": "The command and its arguments, instead of the image's own.",
        "type": "array",
        "maxItems": 4096,
        "items": WORD,
    },
    parse=_words,
    render=list,
)
ENTRYPOINT = described(
    "The program and its first arguments, instead of the image's entrypoint.",
    {
        "description": "The program and its first arguments. The image's own command does not "
        "follow them, as command_line does.",
        "type": "array",
        "minItems": 1,
        "maxItems": 4096,
        "items": WORD,
    },
    parse=_words,
    render=list,
    protocol=2,
)
USER = described(
    "As whom its programs run: a user, by name or number, and after a colon a group.",
    {
        "type": "string",
        "x-words": 'a user such as "postgres" or "1000:1000"',
        "maxLength": 256,
        "pattern": r"^[^\u0000-\u0020:]+(:[^\u0000-\u0020:]+)?$(?!\n)",
    },
    protocol=2,
)
WORKING_DIR = described(
    "The directory in which its programs begin; Docker makes it where it is not there.",
    {
        "type": "string",
        "x-words": "an absolute path",
        "maxLength": 4096,
        "pattern": r"^/[^\u0000]*$",
    },
    protocol=2,
)
INIT = described(
    "Whether its first program is an init, which passes signals on and reaps other programs.",
    {"type": "boolean"},
    protocol=2,
)
TTY = described("Whether it has a terminal.", {"type": "boolean"}, protocol=2)
STDIN_OPEN = described(
    "Whether its standard input stays open while nobody is attached to it.",
    {"type": "boolean"},
    protocol=2,
)
STOP_SIGNAL = described(
    "The signal that asks it to end, instead of the image's own or SIGTERM.",
    {
        "type": "string",
        "x-words": "a signal such as SIGINT, SIGRTMIN+3 or 2",
        "pattern": r"^((SIG)?[A-Z][A-Z0-9]{1,8}([+-][0-9]{1,2})?|[1-9]|[1-5][0-9]|6[0-4])$(?!\n)",
    },
    protocol=2,
)
_STOP_TIMEOUT = duration(
    STOP_TIMEOUT_SECONDS_MAX, doc="After so long it is killed; 30 unless given.", minimum=0
)
STOP_TIMEOUT = described(
    "How long it may take to end, when it is moved, replaced or removed, before it is killed.",
    _STOP_TIMEOUT,
    as_number(_STOP_TIMEOUT),
    parse=duration_seconds,
    protocol=2,
)
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Schema = {**HOST_NAME, "pattern": rf"^{_LABEL}(\.{_LABEL})*$(?!\n)"}
HOSTNAME = described(
    "Its host name; its name unless given, so that it is the same after each move.",
    {**_DOMAIN, "maxLength": 63},
    protocol=2,
)
DOMAINNAME = described("The domain of its host name.", _DOMAIN, protocol=2)
