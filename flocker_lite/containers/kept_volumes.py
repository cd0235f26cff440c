"""Keeps the volumes that Docker made for a removed container, for the next one of its name.

An image may ask for volumes of its own (VOLUME). Docker makes them without a name for people, but
they hold people's data. When we remove a container, each volume gets a *keeper*: a container that
does nothing but use it. Only the keeper's label says what is kept, so it survives every crash.
Keepers run, because `docker system prune --volumes` removes the volumes of stopped containers.
Docker starts them again after a boot.

All functions block: use them in threads.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from docker import APIClient
from docker import errors as docker_errors
from twisted.logger import Logger

from flocker_lite.containers import translate
from flocker_lite.containers.start_gate import INSIDE, PROGRAM
from flocker_lite.model import codec
from flocker_lite.model.state import KeptVolume

LABEL = "flocker-lite.kept"
NAME_PREFIX = "flocker-kept--"
REPOSITORY = "flocker-lite-keeper"
INSIDE_KEEPER = "/kept"
VOLUME_CHARACTERS = 12

START_AFTER_SECONDS = 5.0
"""A container that is only replaced takes its volumes back sooner, and so starts no keeper."""

_log = Logger()


def with_volumes(arguments: Mapping[str, Any], kept: Iterable[KeptVolume]) -> dict[str, Any]:
    """The arguments of Docker's "create", with the kept volumes at their former paths."""
    host = arguments["HostConfig"]
    mounts = [_mount(each.volume, each.path) for each in kept]
    return {**arguments, "HostConfig": {**host, "Mounts": [*host["Mounts"], *mounts]}}


def discard(client: APIClient, name: str, details: Mapping[str, Any], used: bool) -> None:
    """Remove a container, and keep its volumes; not new ones, if the container was never `used`.

    A volume that no program ever used has nothing but what the image has.
    """
    volumes, given = translate.volumes(details), _given(details)
    outside = [(path, volume) for path, volume in volumes if used or volume in given]
    _keep(client, name, outside)
    with suppress(docker_errors.NotFound):
        client.remove_container(details["Id"], force=True)
    for volume in {volume for _, volume in volumes} - {volume for _, volume in outside}:
        with suppress(docker_errors.NotFound):
            client.remove_volume(volume)


def _keep(client: APIClient, name: str, outside: Iterable[tuple[str, str]]) -> None:
    """Make a keeper for each volume of the container `name`, which is about to be removed."""
    for path, volume in outside:
        kept = KeptVolume(name, path, volume, round(time.time(), 3))
        arguments = {
            "Image": _image(client),
            "Entrypoint": [f"{INSIDE}/hold", f"{INSIDE}/hold"],
            # As the first process it ignores any other signal, and Docker would wait for it.
            "StopSignal": "SIGKILL",
            "Labels": {LABEL: codec.dumps(kept)},
            "HostConfig": {
                "Mounts": [_mount(volume, INSIDE_KEEPER)],
                "NetworkMode": "none",
                # Unlike our containers', its data cannot have moved elsewhere in the meantime.
                "RestartPolicy": {"Name": "always"},
            },
        }
        try:
            client.create_container_from_config(arguments, _keeper_name(name, volume))
        except docker_errors.APIError as error:
            if error.status_code != 409:
                raise
            # It has a keeper already: giving the volume back was interrupted.


def to_give(client: APIClient, name: str, taken: Iterable[str]) -> tuple[KeptVolume, ...]:
    """The kept volumes that a new container gets; at `taken` paths it has something else."""
    by_path: dict[str, KeptVolume] = {}
    for each in _kept_for(client, name):
        try:
            client.inspect_volume(each.volume)
        except docker_errors.NotFound:
            _log.error(
                "the kept volume {volume} of container {name} is gone",
                volume=each.volume,
                name=name,
            )
            continue
        by_path[each.path] = each
    return tuple(each for path, each in by_path.items() if path not in set(taken))


def give_back(client: APIClient, given_back: Iterable[KeptVolume]) -> None:
    """Remove the keepers of volumes that their container has again."""
    for each in given_back:
        _remove(client, _keeper_name(each.container, each.volume))


def kept(client: APIClient, now: float) -> tuple[tuple[KeptVolume, ...], tuple[str, ...]]:
    """All kept volumes, and the keepers that are to be started: those that do not run.

    The newest keepers are not among them.
    """
    keepers = list(_keepers(client))
    if not keepers:
        return (), ()
    due = tuple(
        entry["Id"]
        for each, entry in keepers
        if entry["State"] != "running" and each.since + START_AFTER_SECONDS <= now
    )
    ours = client.containers(all=True, filters={"label": [translate.MANAGED_FILTER]})
    # Giving a volume back may have been interrupted before the keeper was removed.
    in_use = {volume for entry in ours for _, volume in translate.volumes(entry)}
    return tuple(sorted((each for each, _ in keepers if each.volume not in in_use), key=_age)), due


def start(client: APIClient, keeper: str) -> None:
    """Start a keeper, so that nothing prunes it and its volume."""
    try:
        client.start(keeper)
    except docker_errors.NotFound:
        pass  # its volume was given back or removed meanwhile
    except docker_errors.APIError as error:
        _log.error("cannot start a keeper of volumes: {error}", error=error, container_id=keeper)


def let_go(client: APIClient, name: str) -> tuple[KeptVolume, ...]:
    """Remove all volumes kept for a container, for good; returns them."""
    gone = _kept_for(client, name)
    for each in gone:
        _remove(client, _keeper_name(each.container, each.volume))
        with suppress(docker_errors.NotFound):
            client.remove_volume(each.volume)
    return gone


def _given(details: Mapping[str, Any]) -> frozenset[str]:
    """The Docker volumes that existed before the container, by its "inspect"."""
    mounts = details["HostConfig"].get("Mounts") or ()
    return frozenset(mount["Source"] for mount in mounts if mount["Type"] == "volume")


def _kept_for(client: APIClient, name: str) -> tuple[KeptVolume, ...]:
    """The volumes that are kept for a container, the latest last."""
    return tuple(sorted((k for k, _ in _keepers(client) if k.container == name), key=_age))


def _age(kept: KeptVolume) -> tuple[float, str]:
    return kept.since, kept.volume


def _keepers(client: APIClient) -> Iterator[tuple[KeptVolume, Mapping[str, Any]]]:
    for entry in client.containers(all=True, filters={"label": [LABEL]}):
        try:
            yield codec.loads(KeptVolume, entry["Labels"][LABEL]), entry
        except codec.CodecError as error:
            _log.warn("ignored a keeper: {error}", error=error, container_id=entry["Id"])


def _remove(client: APIClient, container: str) -> None:
    with suppress(docker_errors.NotFound):
        client.remove_container(container, force=True)


def _keeper_name(name: str, volume: str) -> str:
    return f"{NAME_PREFIX}{name}--{volume[:VOLUME_CHARACTERS]}"


def _mount(volume: str, target: str) -> dict[str, Any]:
    """Without NoCopy Docker would copy what the image has at the path into an empty volume."""
    return {
        "Type": "volume",
        "Source": volume,
        "Target": target,
        "VolumeOptions": {"NoCopy": True},
    }


def _image(client: APIClient) -> str:
    """An image with nothing but a program that waits at a gate, which nobody opens."""
    content = _content()
    tag = hashlib.sha256(content).hexdigest()[:VOLUME_CHARACTERS]
    image = f"{REPOSITORY}:{tag}"
    try:
        client.inspect_image(image)
    except docker_errors.ImageNotFound:
        client.import_image_from_data(content, repository=REPOSITORY, tag=tag)
    return image


def _content() -> bytes:
    folder, gate = (
        tarfile.TarInfo(INSIDE.lstrip("/")),
        tarfile.TarInfo(f"{INSIDE}/gate".lstrip("/")),
    )
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    gate.type, gate.mode = tarfile.FIFOTYPE, 0o444
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(folder)
        archive.addfile(gate)
        # Without the program keepers exist, but do not run.
        if PROGRAM.exists():
            program = tarfile.TarInfo(f"{INSIDE}/hold".lstrip("/"))
            program.mode, program.size = 0o755, PROGRAM.stat().st_size
            with PROGRAM.open("rb") as source:
                archive.addfile(program, source)
    return written.getvalue()
