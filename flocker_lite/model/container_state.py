"""What a node has of containers: as Docker shows them, as they ended, and as they are reported."""

from __future__ import annotations

from dataclasses import dataclass, field

from flocker_lite.model.container import Container, Ended

PRESTARTED = "prestarted"
PAUSED = "paused"
STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"


@dataclass(frozen=True, slots=True)
class ContainerExit:
    """How the last run of a container ended.

    `finished_at` is in seconds since 1970 by Docker's clock. `by_itself` is False when the
    container went down together with Docker or with the node, or for a fencing deadline. `output`
    has the last lines that it wrote, if it ended by itself and with an error.
    """

    exit_code: int
    finished_at: float
    ran_seconds: float
    by_itself: bool = True
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageHealth:
    """What Docker found out by the HEALTHCHECK of an image: STARTING, HEALTHY or UNHEALTHY.

    `trouble` says what is wrong if it is UNHEALTHY. `checked_at` is when Docker last began to look,
    in seconds since 1970; it is not part of what is compared.
    """

    status: str
    trouble: str | None = None
    checked_at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class LocalContainer:
    """A container of ours as Docker has it.

    `container` is the configuration that it was made from. `status` is Docker's word: "created",
    "running", "paused", "exited", ... It is "prestarted" when the container has started and its
    program waits at the start gate. `instance` tells the container from earlier and later ones of
    the same name; `run` tells the runs of a prestartable container apart. `stays_behind` are the
    paths that are Docker's own volumes, which do not move with the container. A container without
    `starts_early` must not be prestarted: Docker would make directories on the node's own disk
    where its datasets are mounted later. `image_id` is Docker's id of the image that it was made
    from, and `image_digest` the registry's digest of that, "" for none. `health` is what Docker
    says of a running container whose image has a HEALTHCHECK, unless it has a health check of ours.
    """

    container: Container
    status: str
    instance: str = ""
    last_exit: ContainerExit | None = None
    prestartable: bool = False
    starts_early: bool = True
    run: str = ""
    stays_behind: tuple[str, ...] = ()
    image_id: str = ""
    image_digest: str = ""
    health: ImageHealth | None = None

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def prestarted(self) -> bool:
        return self.status == PRESTARTED

    @property
    def paused(self) -> bool:
        return self.status == PAUSED

    @property
    def has_processes(self) -> bool:
        return self.status in ("running", PRESTARTED, PAUSED)

    @property
    def has_begun(self) -> bool:
        """Whether its program runs, so that it may write to its data and occupies its ports."""
        return self.running or self.paused


@dataclass(frozen=True, slots=True)
class KeptVolume:
    """A volume of Docker's that a container had at `path`, and that the node keeps for its return.

    `volume` is Docker's name for it; `since` is in seconds since 1970.
    """

    container: str
    path: str
    volume: str
    since: float


@dataclass(frozen=True, slots=True)
class Kept:
    """All volumes that a node keeps for one container."""

    volumes: tuple[KeptVolume, ...]


@dataclass(frozen=True, slots=True)
class RestartHistory:
    """What a node remembers of the runs of one container that ended by themselves.

    `instance` and `finished_at` identify the last of these runs. `times` counts all of them,
    `in_a_row` the latest consecutive short ones. `configuration` is the digest of what the
    container was made of; it is "" or "?" when the end counts for this instance alone. `restarted`
    is the generation of the last restart that a user asked for and that was carried out on this
    instance. The exit at `finished_at` does not count (`counts` is false) once it was part of one,
    or when the container was stopped because it was unhealthy. `halting` says that it is about to
    be, and `halts` how often it was.
    """

    instance: str
    finished_at: float
    times: int = 1
    in_a_row: int = 0
    exit_code: int = 0
    configuration: str = ""
    restarted: int = 0
    counts: bool = True
    halting: bool = False
    halts: int = 0


@dataclass(frozen=True, slots=True)
class RunTimes:
    """How long a container's program took here, the last time, to stop and to answer.

    None is unknown. `was_first` says that the answer was that of its first start, when a program
    may have things to set up.
    """

    stop_seconds: float | None = None
    answer_seconds: float | None = None
    was_first: bool = False


@dataclass(frozen=True, slots=True)
class ImagePull:
    """The progress of an image's pull; the total grows as Docker learns the sizes of layers."""

    done_bytes: int = 0
    total_bytes: int = 0
    layers_done: int = 0
    layers: int = 0


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What an agent reports about one container; `container` is what it was made from.

    `restarts` counts how often it was started again after it had ended by itself, or was stopped
    because it was unhealthy. `exit_code` is that of its last run, if that ended by itself. `pull`
    is set while its image is being pulled. `serving` says that it runs and that connections may be
    led to it. A `paused` container has processes, so it neither runs nor has ended. `stays_behind`
    are the paths that do not move with it: see `LocalContainer`. `next_try_at` is when the agent
    tries a failed step again, or starts the container again, in seconds since 1970. `ended` is set
    when it is not going to run again. `image_id` is Docker's id of the image that it was made from,
    because a tag may mean different images on different nodes. `image_digest` is the registry's
    digest of it, "" for none. `last_output` has the last lines of a run that ended with an error.
    `health` is STARTING, HEALTHY or UNHEALTHY while it runs with a health check, else "".
    """

    container: Container
    running: bool
    error: str | None = None
    restarts: int = 0
    exit_code: int | None = None
    pull: ImagePull | None = None
    serving: bool = False
    paused: bool = False
    stays_behind: tuple[str, ...] = ()
    next_try_at: float | None = None
    ended: Ended | None = None
    image_id: str = ""
    image_digest: str = ""
    last_output: tuple[str, ...] = ()
    health: str = ""
