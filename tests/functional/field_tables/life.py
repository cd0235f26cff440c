"""Fields of when a container is started again, and whether it serves."""

from __future__ import annotations

import json
from typing import Any

from tests.functional.field_tables.field import Field

CHECK_TIMES = {"timeout_seconds": 5, "start_period_seconds": 30}
FAILING_TIMES = {"timeout_seconds": 2, "start_period_seconds": 1}
LABEL = "flocker-lite.configuration"


def checked(check: dict[str, Any], **fields: Any) -> Field:
    """A health check, which Docker has among what the container was made from."""
    return Field(
        {"health_check": {**CHECK_TIMES, **check}, **fields},
        lambda details: {
            key: json.loads(details["Config"]["Labels"][LABEL])["health_check"][key]
            for key in check
        },
        check,
    )


FIELDS = {
    "depends_on": Field({"depends_on": {"none": "healthy"}}, "echo started", "started"),
    "restart_policy": Field(
        {"restart_policy": {"name": "on-failure", "maximum_retry_count": 3}},
        lambda details: details["HostConfig"]["RestartPolicy"]["Name"] or "no",
        "no",
    ),
    "restart_policy_in_the_words_of_docker": Field(
        {"restart_policy": "unless-stopped"},
        lambda details: details["HostConfig"]["RestartPolicy"]["Name"] or "no",
        "no",
        asked={"restart_policy": {"name": "always"}},
    ),
    "logging": Field(
        {"logging": {"driver": "local", "options": {"max-size": "1m"}}},
        lambda details: details["HostConfig"]["LogConfig"],
        {"Type": "local", "Config": {"max-size": "1m"}},
    ),
    "logging_that_rotates": Field(
        {"logging": {"options": {"max-file": "2"}}},
        lambda details: details["HostConfig"]["LogConfig"],
        {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
        asked={"logging": {"driver": "json-file", "options": {"max-file": "2"}}},
    ),
    "no_logging": Field(
        {},
        lambda details: details["HostConfig"]["LogConfig"],
        {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "5"}},
    ),
    "health_check_port": checked({"port": 6379}, command_line=["redis-server"]),
    "health_check_path": checked(
        {"port": 80, "path": "/"}, image="nginx:latest", command_line=None
    ),
    "health_check_command": checked(
        {"command": ["redis-cli", "ping"]}, command_line=["redis-server"]
    ),
    "health_check_for_life": checked(
        {"command": ["true"], "interval_seconds": 5, "retries": 2, "on_unhealthy": "restart"}
    ),
}

# What fails, what is said of it, and what is done in the container to cure it.
FAILING: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "health_check_port": (
        {"health_check": {"port": 6380, **FAILING_TIMES}},
        "not healthy: nothing accepts connections at port 6380",
        ["redis-server", "--port", "6380", "--daemonize", "yes"],
    ),
    "health_check_path": (
        {"health_check": {"port": 80, "path": "/ready.html", **FAILING_TIMES}},
        "/ready.html answered 404",
        [
            "sh",
            "-c",
            "for d in /var/www/html /usr/share/nginx/html; do echo yes >$d/ready.html; done",
        ],
    ),
    "health_check_command": (
        {"health_check": {"command": ["ls", "/tmp/ready"], **FAILING_TIMES}},
        "not healthy: `ls /tmp/ready` exited with 2: ls: cannot access",
        ["touch", "/tmp/ready"],
    ),
}
