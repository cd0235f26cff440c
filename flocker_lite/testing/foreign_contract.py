"""The contract of every IForeignContainers, as tests to mix into a trial TestCase."""

from __future__ import annotations

from typing import Any

from zope.interface.verify import verifyObject

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.interfaces import IForeignContainers
from flocker_lite.model.adoption import (
    BIND,
    VOLUME,
    Adoption,
    ForeignContainer,
    RestartByDocker,
    Source,
)
from flocker_lite.testing.containers_contract import Base, raised

DATABASE: dict[str, Any] = {
    "Image": "redis:latest",
    "Cmd": ["redis-server", "--appendonly", "yes"],
    "Env": ['GREETING=g\'day = "\N{SNOWMAN}"'],
    "Labels": {"team": "shop"},
    "Hostname": "db-host",
    "StopTimeout": 20,
    "Healthcheck": {"Test": ["CMD", "redis-cli", "ping"], "Interval": 10**10, "Retries": 2},
    "ExposedPorts": {"6379/tcp": {}, "53/udp": {}},
    "HostConfig": {
        "Binds": ["pgdata:/data", "/srv/conf:/conf:ro", "/srv/shared:/shared"],
        "PortBindings": {
            "6379/tcp": [{"HostIp": "", "HostPort": "7000"}],
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
        },
        "RestartPolicy": {"Name": "unless-stopped"},
        "Memory": 64 * 2**20,
        "NanoCpus": 5 * 10**8,
        "CapAdd": ["NET_ADMIN"],
        "ExtraHosts": ["other:10.0.0.9"],
        "Tmpfs": {"/scratch": "size=1m"},
    },
}
"""The body of Docker's "create a container", as `docker run` makes it."""

FIELDS: dict[str, Any] = {
    "name": "db",
    "image": "redis:latest",
    "command_line": ["redis-server", "--appendonly", "yes"],
    "environment": {"GREETING": 'g\'day = "\N{SNOWMAN}"'},
    "labels": {"team": "shop"},
    "hostname": "db-host",
    "stop_timeout_seconds": 20,
    "health_check": {
        "command": ["redis-cli", "ping"],
        "timeout_seconds": 30.0,
        "interval_seconds": 10.0,
        "retries": 2,
        "start_period_seconds": 30.0,
    },
    "ports": [
        {"internal": 6379, "external": 7000},
        {"internal": 53, "external": 5353, "protocol": "udp", "host_ip": "127.0.0.1"},
    ],
    "volumes": [
        {"dataset": "pgdata", "mountpoint": "/data"},
        {"dataset": "db-shared", "mountpoint": "/shared"},
    ],
    "tmpfs": {"/scratch": "size=1m"},
    "restart_policy": {"name": "always"},
    "memory_limit": 64 * 2**20,
    "cpus": 0.5,
    "cap_add": ["NET_ADMIN"],
    "extra_hosts": ["other:10.0.0.9"],
}


class ForeignContract(Base):
    """Implement `make` and `run`. The image redis:latest declares the volume /data."""

    async def make(self) -> IForeignContainers:
        """The containers of a node that has none yet, and the directories /srv/conf and shared."""
        raise NotImplementedError

    async def run_with_docker(self, name: str, arguments: dict[str, Any]) -> None:
        """Create a container with this body, and start it."""
        raise NotImplementedError

    async def stop_with_docker(self, name: str) -> None:
        """`docker stop`."""
        raise NotImplementedError

    async def looked(self, name: str = "db", *allow: str, called: str | None = None) -> Adoption:
        """What the container would become."""
        return await (await self.make()).adoption(name, called, allow)

    async def test_provides(self) -> None:
        """It has all the methods of IForeignContainers."""
        assert verifyObject(IForeignContainers, await self.make())

    async def test_none(self) -> None:
        """A container that Docker does not know is NotFound, whatever its name has in it."""
        foreign = await self.make()
        for name in ("db", "../version", "a b"):
            await raised(NotFound, foreign.adoption(name, None, ()))

    async def test_fields(self) -> None:
        """What was said when it was made is in the fields, and nothing of what its image says."""
        await self.make()
        await self.run_with_docker("db", DATABASE)
        found = await self.looked()
        fields = {
            **found.fields,
            "ports": sorted(found.fields["ports"], key=lambda each: -each["external"]),
            "volumes": sorted(found.fields["volumes"], key=lambda each: each["mountpoint"]),
        }
        assert fields == FIELDS
        assert not found.hindrances

    async def test_sources(self) -> None:
        """Volumes and directories that it writes to are taken and measured; others stay."""
        await self.make()
        await self.run_with_docker("db", DATABASE)
        found = {source.mountpoint: source for source in (await self.looked()).sources}
        assert found.keys() == {"/data", "/conf", "/shared"}
        taken = {where: (each.source, each.kind, each.take) for where, each in found.items()}
        assert taken == {
            "/data": ("pgdata", "volume", True),
            "/shared": ("/srv/shared", "bind", True),
            "/conf": ("/srv/conf", "bind", False),
        }
        assert found["/data"].path.endswith("/volumes/pgdata/_data")
        assert (found["/data"].size_bytes or 0) > 0
        assert (found["/shared"].path, found["/conf"].read_only) == ("/srv/shared", True)

    async def test_what_stays(self) -> None:
        """A directory that stays is a bind mount if the node allows it; else that is said."""
        await self.make()
        await self.run_with_docker("db", DATABASE)
        found = await self.looked("db", "/srv/conf")
        bind = {"host_path": "/srv/conf", "mountpoint": "/conf", "read_only": True}
        assert found.fields["bind_mounts"] == [bind]
        assert not [remark for remark in found.not_kept if remark.field == "bind_mounts"]
        (said,) = [each.text for each in (await self.looked()).not_kept]
        assert "write `allow: [/srv/conf]` into" in said.lower()

    async def test_volume_without_a_name(self) -> None:
        """One that Docker made for the image is taken, under a name of ours."""
        await self.make()
        await self.run_with_docker("db", {"Image": "redis:latest"})
        (source,) = (await self.looked()).sources
        assert (source.kind, source.take, source.dataset) == ("volume", True, "db-data")
        assert len(source.source) == 64

    async def test_another_name(self) -> None:
        """It may be called otherwise here; what it lacks then is said."""
        await self.make()
        await self.run_with_docker("db", {"Image": "redis:latest"})
        found = await self.looked(called="shop-db")
        assert found.fields["name"] == "shop-db"
        (said,) = [each.text for each in found.not_kept if each.field == "hostname"]
        assert "its host name would be shop-db" in said

    async def test_removed_when_it_ends(self) -> None:
        """One that was started with --rm is gone once it is stopped, so that is in the way."""
        await self.make()
        await self.run_with_docker(
            "db", {"Image": "redis:latest", "HostConfig": {"AutoRemove": True}}
        )
        assert [each.field for each in (await self.looked()).hindrances] == ["--rm"]

    async def test_data_of_two(self) -> None:
        """Another container that has the same volume is named."""
        await self.make()
        await self.run_with_docker("db", DATABASE)
        other = {"Image": "redis:latest", "HostConfig": {"Binds": ["pgdata:/data"]}}
        await self.run_with_docker("backup", other)
        (remark,) = (await self.looked()).hindrances
        assert remark.text.startswith("pgdata: backup has it as well")

    async def test_stopped(self) -> None:
        """One that does not run would not be started here."""
        await self.make()
        await self.run_with_docker("db", DATABASE)
        await self.stop_with_docker("db")
        found = await self.looked()
        assert found.fields["running"] is False
        assert {each.field for each in found.not_kept} == {"running", "bind_mounts"}
        assert isinstance(found.sources[0], Source)

    async def test_life(self) -> None:
        """A container is stopped, renamed and started by its id, as often as one likes."""
        foreign = await self.make()
        await self.run_with_docker("db", DATABASE)
        instance = (await foreign.adoption("db", None, (), False)).instance
        first = await self.seen(foreign, instance)
        assert (first.name, first.running) == ("db", True)
        assert first.restart_policy == RestartByDocker("unless-stopped")
        for _ in range(2):
            await foreign.set_restart_policy(instance, RestartByDocker())
            await foreign.stop(instance)
            await foreign.rename(instance, "db--before-flocker")
        stopped = await self.seen(foreign, instance)
        assert (stopped.name, stopped.running) == ("db--before-flocker", False)
        assert (stopped.restart_policy, stopped.run) == (RestartByDocker(), first.run)
        for _ in range(2):
            await foreign.rename(instance, "db")
            await foreign.start(instance)
            await foreign.set_restart_policy(instance, RestartByDocker("on-failure", 3))
        again = await self.seen(foreign, instance)
        assert (again.name, again.running) == ("db", True)
        assert again.restart_policy == RestartByDocker("on-failure", 3)
        assert again.run != first.run

    async def test_data(self) -> None:
        """A volume by itself is looked at like one of a container; a running one is in the way."""
        foreign = await self.make()
        await raised(NotFound, foreign.data(VOLUME, "pgdata", ("adopt",)))
        await self.run_with_docker("db", DATABASE)
        used = await foreign.data(VOLUME, "pgdata", ("adopt",), False)
        assert [each.text.partition(" runs with it")[0] for each in used.hindrances] == ["db"]
        instance = (await foreign.adoption("db", None, (), False)).instance
        await foreign.stop(instance)
        found = await foreign.data(VOLUME, "pgdata", ("adopt",))
        (source,) = found.sources
        assert (source.source, source.dataset, source.take) == ("pgdata", "pgdata", True)
        assert source.path.endswith("/volumes/pgdata/_data")
        assert source.size_bytes is not None
        assert (found.hindrances, dict(found.fields), found.instance) == ((), {}, "")

    async def test_no_directory(self) -> None:
        """A directory that there is not, though the node allows it."""
        foreign = await self.make()
        found = await foreign.data(BIND, "/srv/nothing", ("adopt", "/srv/nothing"))
        assert "there is no directory" in found.hindrances[0].text

    async def test_name_in_use(self) -> None:
        """A name that another container has is not taken from it."""
        foreign = await self.make()
        await self.run_with_docker("db", DATABASE)
        instance = (await foreign.adoption("db", None, (), False)).instance
        await self.run_with_docker("other", {"Image": "redis:latest"})
        await raised(Conflict, foreign.rename(instance, "other"))
        other = (await foreign.adoption("other", None, (), False)).instance
        await foreign.stop(other)
        assert not (await self.seen(foreign, other)).running
        assert (await self.seen(foreign, instance)).name == "db"

    async def test_gone(self) -> None:
        """An id that no container has is not there; part of an id is none, nor is a name."""
        foreign = await self.make()
        await self.run_with_docker("db", DATABASE)
        instance = (await foreign.adoption("db", None, (), False)).instance
        other = instance[::-1]
        for name in (other, "db", instance[:12]):
            assert await foreign.look(name) is None
        for doing in (foreign.stop(other), foreign.start(other), foreign.rename(other, "x")):
            await raised(NotFound, doing)
        await raised(NotFound, foreign.set_restart_policy(other, RestartByDocker()))

    async def seen(self, foreign: IForeignContainers, instance: str) -> ForeignContainer:
        """The container, which must be there."""
        found = await foreign.look(instance)
        assert found is not None
        return found
