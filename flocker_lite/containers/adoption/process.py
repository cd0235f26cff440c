"""The program of a container, out of Docker's terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flocker_lite.containers.adoption.draft import Draft, Inspected
from flocker_lite.containers.translate import host_name
from flocker_lite.model.container_fields.process import (
    STOP_TIMEOUT_SECONDS,
    STOP_TIMEOUT_SECONDS_MAX,
)

_ID_CHARACTERS = 12
_SIGTERM = "SIGTERM"


def add_process(found: Inspected, draft: Draft) -> None:
    """What runs, as whom, where, and with which variables."""
    config, image = found.config, found.image_config
    _add_environment(config, image, draft)
    draft.keep(**program(config, image))
    for key, field in (("User", "user"), ("WorkingDir", "working_dir")):
        if (config.get(key) or "") != (image.get(key) or ""):
            draft.keep(**{field: config.get(key)})
    signal = config.get("StopSignal") or None
    if signal not in (None, image.get("StopSignal") or _SIGTERM):
        draft.keep(stop_signal=signal)
    for key, field in (("Tty", "tty"), ("OpenStdin", "stdin_open"), ("Domainname", "domainname")):
        draft.keep(**{field: config.get(key) or None})
    if found.host.get("Init") is not None:
        draft.fields["init"] = found.host["Init"]
    _add_stop_timeout(config.get("StopTimeout"), draft)
    _add_hostname(found, draft)


def program(config: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, list[str]]:
    """The fields that say what runs; with an entrypoint, the image's command does not follow it.

    A container whose entrypoint was taken away has the first word of its command for one: what is
    carried out is the same.
    """
    entrypoint, command = _words(config, "Entrypoint"), _words(config, "Cmd")
    of_image = _words(image, "Entrypoint"), _words(image, "Cmd")
    if (entrypoint, command) == of_image:
        return {}
    if entrypoint == of_image[0] and command:
        return {"command_line": command}
    if not entrypoint:
        return {"entrypoint": command[:1], "command_line": command[1:]}
    return {"entrypoint": entrypoint, "command_line": command}


def _words(config: Mapping[str, Any], key: str) -> list[str]:
    return list(config.get(key) or ())


def _add_environment(config: Mapping[str, Any], image: Mapping[str, Any], draft: Draft) -> None:
    own, given = _variables(config.get("Env") or ()), _variables(image.get("Env") or ())
    draft.keep(environment={key: value for key, value in own.items() if given.get(key) != value})
    for key in sorted(given.keys() - own.keys()):
        draft.lose(
            "environment",
            f"the variable {key} of its image was taken away, which no field says: it would be "
            "there again",
        )


def _variables(texts: Iterable[str]) -> dict[str, str]:
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def _add_stop_timeout(seconds: int | None, draft: Draft) -> None:
    if seconds is None or seconds == STOP_TIMEOUT_SECONDS:
        return
    if 0 <= seconds <= STOP_TIMEOUT_SECONDS_MAX:
        draft.fields["stop_timeout_seconds"] = seconds
        return
    draft.fields["stop_timeout_seconds"] = STOP_TIMEOUT_SECONDS_MAX
    draft.lose(
        "stop_timeout_seconds",
        f"Docker waits without end for its programs; here they get {STOP_TIMEOUT_SECONDS_MAX} s",
    )


def _add_hostname(found: Inspected, draft: Draft) -> None:
    """Docker's own choice is the beginning of the container's id, which a new one would not have.

    Some software names its data after its host.
    """
    name, ours = found.config.get("Hostname") or "", host_name(draft.name)
    if name in ("", ours) or not _has_own_host_name(found):
        return
    if name == str(found.details.get("Id", ""))[:_ID_CHARACTERS]:
        draft.lose(
            "hostname",
            f"Docker called it {name}, after its id; here its host name would be {ours}. Software "
            'that names its data after its host, such as RabbitMQ, needs "hostname": '
            f'"{name}" to find it again',
        )
        return
    draft.keep(hostname=name)


def _has_own_host_name(found: Inspected) -> bool:
    mode = str(found.host.get("NetworkMode") or "")
    return mode != "host" and not mode.startswith("container:") and not found.host.get("UTSMode")
