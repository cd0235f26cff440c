"""When a container is started again, and whether it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyrsistent import pmap

from flocker_lite.model.container_fields.text_schemas import WORD
from flocker_lite.model.fields import Schema, described, exactly, reference, whole
from flocker_lite.model.quantities import UNIT, as_number, duration, duration_seconds

_PORT_NUMBER = reference("PortNumber")


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a container that stopped is started again: never, always or on-failure.

    `maximum_retry_count` goes with on-failure alone; None means without end.
    """

    name: str = "never"
    maximum_retry_count: int | None = None


_POLICIES: tuple[Schema, ...] = (
    exactly(name={"const": "never"}),
    exactly(name={"const": "always"}),
    exactly(
        optional=["maximum_retry_count"],
        name={"const": "on-failure"},
        maximum_retry_count={"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    ),
)
_RESTART_POLICY: Schema = {
    "x-words": 'an object such as {"name": "always"}',
    "oneOf": list(_POLICIES),
}
_WORDS_OF_DOCKER: Mapping[str, str] = {
    "no": "never",
    "never": "never",
    "always": "always",
    # A container that was stopped here stays stopped, whatever its policy.
    "unless-stopped": "always",
}
_WANTED_RESTART_POLICY: Schema = {
    "description": "An object, or the same in Docker's words. `no` is never; `unless-stopped` is "
    "always, since a container\nthat is configured not to run stays stopped.\n",
    "x-words": '"always", "unless-stopped", "on-failure", "on-failure:3", "no", '
    'or an object such as {"name": "always"}',
    "oneOf": [
        *_POLICIES,
        {
            "type": "string",
            "x-words": 'a text such as "on-failure:3"',
            "pattern": rf"^({'|'.join(_WORDS_OF_DOCKER)}|on-failure(:[1-9][0-9]{{0,8}})?)$(?!\n)",
        },
    ],
}


def _restart_policy(body: str | Mapping[str, Any]) -> RestartPolicy:
    """Of what passed the schema."""
    if isinstance(body, str):
        name, _, times = body.partition(":")
        return RestartPolicy(_WORDS_OF_DOCKER.get(name, name), int(times) if times else None)
    count = body.get("maximum_retry_count")
    return RestartPolicy(body["name"], None if count is None else int(count))


def _restart_policy_body(policy: RestartPolicy) -> dict[str, Any]:
    """The policy as JSON."""
    if policy.maximum_retry_count is None:
        return {"name": policy.name}
    return {"name": policy.name, "maximum_retry_count": policy.maximum_retry_count}


NOTHING, RESTART = "nothing", "restart"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How to see that a container serves: `command` in it exits with 0, or a port of it answers.

    With `path` the port has to answer an HTTP GET with a status below 400; without, to accept a
    TCP connection. `port` is internal. One try may take `timeout_seconds`; the container is not
    healthy when none succeeded within `start_period_seconds`. Once it was healthy, it is tried
    again each `interval_seconds`, and is not healthy when `retries` tries in a row failed.
    `on_unhealthy` is NOTHING or RESTART.
    """

    port: int | None = None
    path: str | None = None
    command: tuple[str, ...] | None = None
    timeout_seconds: float = 5.0
    start_period_seconds: float = 30.0
    interval_seconds: float = 30.0
    retries: int = 3
    on_unhealthy: str = NOTHING


_CHECK_TIMES: Mapping[str, Schema] = {
    "timeout_seconds": duration(3600, "How long one try may take; 5 unless given."),
    "start_period_seconds": duration(
        3600,
        """\
How long it may take until a try succeeds, before the container counts as not
healthy; 30 unless given.
""",
    ),
}
_LATER_TRIES: Mapping[str, Schema] = {
    "interval_seconds": duration(
        86400,
        """\
How long after a try the next one begins, once the container was healthy; at
least 1, and 30 unless given.
""",
        minimum=1,
    ),
    "retries": whole(
        1, 1000, "How many tries in a row have to fail until it is not healthy; 3 unless given."
    ),
    "on_unhealthy": {
        "description": "What the agent does when it is not healthy: nothing, unless given, or\n"
        "restart it. Restarts that follow each other soon wait ever longer.\n",
        "enum": [NOTHING, RESTART],
    },
}
"""What agents know since LATER_TRIES_PROTOCOL; left out where it is the default."""

LATER_TRIES_PROTOCOL = 2
_PATH: Schema = {
    "type": "string",
    "x-words": 'a path such as /health?deep=1, of printable ASCII without spaces and "#"',
    "maxLength": 2048,
    "pattern": r'^/[!"$-~]*$(?!\n)',
}
_COMMAND: Schema = {
    "description": "The program and its arguments; no shell, unless that is the program.",
    "type": "array",
    "minItems": 1,
    "maxItems": 4096,
    "items": WORD,
}


def _check(times: Mapping[str, Schema]) -> Schema:
    """The schema of a health check with times of these schemas."""
    return {
        "description": """\
How to see that a container that was started serves: its port, an internal one, accepts a
TCP connection; or it answers an HTTP GET of the path with a status below 400; or a command
in the container exits with 0.
""",
        "oneOf": [
            exactly(optional=times, **kind, **times)
            for kind in (
                {"port": _PORT_NUMBER},
                {"port": _PORT_NUMBER, "path": _PATH},
                {"command": _COMMAND},
            )
        ],
    }


def _health_check(body: Mapping[str, Any]) -> HealthCheck:
    """Of what passed the schema."""
    check = HealthCheck(
        port=int(body["port"]) if "port" in body else None,
        path=body.get("path"),
        command=tuple(body["command"]) if "command" in body else None,
    )
    times: dict[str, Any] = {
        key: duration_seconds(body[key])
        for key in (*_CHECK_TIMES, "interval_seconds")
        if key in body
    }
    return replace(
        check,
        **times,
        retries=int(body.get("retries", check.retries)),
        on_unhealthy=body.get("on_unhealthy", check.on_unhealthy),
    )


def _health_check_body(check: HealthCheck) -> dict[str, Any]:
    """With the times of its start, also when they are those of one that was given without."""
    kind = {
        "port": check.port,
        "path": check.path,
        "command": None if check.command is None else list(check.command),
    }
    body = {key: value for key, value in kind.items() if value is not None}
    body |= {key: getattr(check, key) for key in _CHECK_TIMES}
    return body | {key: getattr(check, key) for key in _LATER_TRIES if not _is_default(check, key)}


def _is_default(check: HealthCheck, key: str) -> bool:
    return bool(getattr(check, key) == getattr(_DEFAULT_CHECK, key))


def _check_protocol(check: HealthCheck | None) -> int:
    """The protocol since which agents know all of this health check."""
    if check is None or all(_is_default(check, key) for key in _LATER_TRIES):
        return 1
    return LATER_TRIES_PROTOCOL


_DEFAULT_CHECK = HealthCheck()


def _answered(schema: Schema) -> Schema:
    return as_number(schema) if UNIT in schema else schema


STARTED, IS_HEALTHY, COMPLETED = "started", "healthy", "completed"
"""What a container may wait for of another one: that it was started, is healthy, ended with 0."""

DEPENDS_ON = described(
    "What it waits for before its first start here: other containers of the same node.",
    {
        "description": "Containers, and what each of them has to be before this one is started for "
        "the first time on\nits node: `started`, `healthy`, or `completed` with exit code 0. A "
        "container that is not\nconfigured, is stopped by its user, or is on another node is not "
        "waited for; nor does one wait\nthat moves, or that ran there before.\n",
        "type": "object",
        "maxProperties": 256,
        "x-words": 'an object such as {"db": "healthy"}: containers, each with started, healthy or '
        "completed",
        "x-key-words": "the name of a container",
        "patternProperties": {
            r"^[a-zA-Z0-9_-]{1,128}$(?!\n)": {"enum": [STARTED, IS_HEALTHY, COMPLETED]}
        },
        "additionalProperties": False,
    },
    parse=pmap,
    render=dict,
)
RESTART_POLICY = described(
    "Whether it is started again after it stopped.",
    _WANTED_RESTART_POLICY,
    _RESTART_POLICY,
    parse=_restart_policy,
    render=_restart_policy_body,
    always=True,
)
HEALTH_CHECK = described(
    "How to see that it serves, at its start and for as long as it runs.",
    _check({**_CHECK_TIMES, **_LATER_TRIES}),
    _check({key: _answered(each) for key, each in {**_CHECK_TIMES, **_LATER_TRIES}.items()}),
    parse=_health_check,
    render=_health_check_body,
    protocol_of=_check_protocol,
)
RUNNING = described(
    "Whether it should run; false stops it and keeps it, over restarts and moves.",
    {
        "description": "Whether it should run; false stops it and keeps it, over restarts and "
        "moves.",
        "type": "boolean",
    },
    protocol=2,
)
RESTART_GENERATION = described(
    "How often a restart was asked for; the state shows which of them was carried out last.",
    None,
    {
        "description": "How often a restart was asked for: by a restart, or by running it again "
        "after it was stopped. In\nthe state it is the one that was carried out last.\n",
        "type": "integer",
        "minimum": 1,
    },
    parse=int,
    protocol=2,
)
