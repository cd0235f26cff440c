"""The images of the lab: which there are, and how a container of each behaves. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENTRYPOINT = "usr/local/bin/docker-entrypoint.sh"
# Image digests should say what is inside, not when it was built.
CREATED = "2024-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: `build.sh` and, if it has one, `entrypoint.sh` lie in the folder of its name."""

    name: str
    command: tuple[str, ...]
    ports: tuple[int, ...]
    has_entrypoint: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: str = "/"
    volumes: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"


RECIPES = (
    Recipe(
        name="redis",
        command=("redis-server",),
        ports=(6379,),
        working_folder="/data",
        volumes=("/data",),
    ),
    Recipe(
        name="postgres",
        command=("postgres",),
        ports=(5432,),
        environment={
            "PATH": f"/usr/local/lib/postgresql-bin:{SYSTEM_PATH}",
            "PGDATA": "/var/lib/postgresql/data",
            "LANG": "C.UTF-8",
        },
        volumes=("/var/lib/postgresql/data",),
        # "Fast": it ends sessions and writes a checkpoint; SIGTERM would wait for the clients.
        stop_signal="SIGINT",
    ),
    Recipe(
        name="nginx",
        command=("nginx", "-g", "daemon off;"),
        ports=(80,),
        has_entrypoint=False,
        stop_signal="SIGQUIT",
    ),
)


def image_configuration(recipe: Recipe, architecture: str, layer_digests: Sequence[str]) -> bytes:
    """The image's configuration, as Docker reads it. `layer_digests` are of the plain tar files."""
    environment = {"PATH": SYSTEM_PATH, **recipe.environment}
    config: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Cmd": list(recipe.command),
        "WorkingDir": recipe.working_folder,
        "ExposedPorts": {f"{port}/tcp": {} for port in recipe.ports},
        "StopSignal": recipe.stop_signal,
    }
    if recipe.volumes:
        config["Volumes"] = {path: {} for path in recipe.volumes}
    if recipe.has_entrypoint:
        config["Entrypoint"] = [f"/{ENTRYPOINT}"]
    image = {
        "created": CREATED,
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": list(layer_digests)},
        "history": [
            {"created": CREATED, "created_by": f"flocker-lite lab: {recipe.name}"}
            for _ in layer_digests
        ],
    }
    return json.dumps(image, sort_keys=True).encode()
