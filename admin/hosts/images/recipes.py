"""Lists the images of the lab, and says how a container of each behaves; pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENTRYPOINT = "usr/local/bin/docker-entrypoint.sh"
# A digest should depend on what is in the image, not on when it was built.
CREATED = "2024-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image. The folder of its name has `build.sh`, and `entrypoint.sh` if `has_entrypoint`."""

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
        # On SIGINT it ends sessions and writes a checkpoint; on SIGTERM it waits for its clients.
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
    """The image's configuration as Docker reads it; `layer_digests` are those of the tar files."""
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
