"""The contract of what a release needs of every IForeignContainers; see `foreign_contract`."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap

from flocker_lite.errors import Conflict
from flocker_lite.interfaces import IForeignContainers
from flocker_lite.model.adoption import Remark
from flocker_lite.model.records import Container, HealthCheck, Port, Volume
from flocker_lite.testing.containers_contract import Base, raised

D = "7d3a6f0e-1111-4222-8333-944455556666"
SHOP = Container(
    "shop",
    "n1",
    "redis:latest",
    ports=(Port(6379, 7000),),
    volumes=(Volume(D, "/data"),),
    command_line=("redis-server", "--appendonly", "yes"),
    environment=pmap({"GREETING": "g'day"}),
    labels=pmap({"team": "shop"}),
    health_check=HealthCheck(command=("redis-cli", "ping"), start_period_seconds=20.0),
    memory_limit=64 * 2**20,
)
MARK, OTHER = "release-1", "release-2"
PING = HealthCheck(command=("redis-cli", "ping"))


class PlainContract(Base):
    """Implement `make` and `run_with_docker` as in `ForeignContract`, and `volumes_there`."""

    async def make(self) -> IForeignContainers:
        """The containers of a node that has none yet."""
        raise NotImplementedError

    async def run_with_docker(self, name: str, arguments: dict[str, Any]) -> None:
        """Create a container with this body, and start it."""
        raise NotImplementedError

    async def volumes_there(self) -> set[str]:
        """The names of all volumes."""
        raise NotImplementedError

    async def made(self, foreign: IForeignContainers, name: str = "shop--trial") -> str:
        """A plain container, which is not started, with a volume; its id."""
        await foreign.make_volume("shopdata", MARK)
        return await foreign.make(name, SHOP, {D: "shopdata"}, "10.0.0.1", None, {})

    async def test_volumes(self) -> None:
        """A volume is made once by whoever has its mark, and removed by no other."""
        foreign = await self.make()
        path = await foreign.make_volume("shopdata", MARK)
        assert path.endswith("/volumes/shopdata/_data")
        assert await foreign.make_volume("shopdata", MARK) == path
        await raised(Conflict, foreign.make_volume("shopdata", OTHER))
        await foreign.remove_volume("shopdata", OTHER)
        assert await self.volumes_there() == {"shopdata"}
        for _ in range(2):
            await foreign.remove_volume("shopdata", MARK)
        assert await self.volumes_there() == set()

    async def test_names_that_are_free(self) -> None:
        """A name that Docker has given already gets a number, unless it was asked for."""
        foreign = await self.make()
        names = {D: "shop data"}
        found = await foreign.release(SHOP, names, None, ())
        assert (found.docker_name, dict(found.volumes)) == ("shop", {D: "shop-data"})
        assert not found.hindrances
        await self.run_with_docker(
            "shop", {"Image": "redis:latest", "HostConfig": {"Binds": ["shop-data:/data"]}}
        )
        found = await foreign.release(SHOP, names, None, ())
        assert (found.docker_name, dict(found.volumes)) == ("shop-2", {D: "shop-data-2"})
        found = await foreign.release(SHOP, names, "shop", ())
        assert [remark.field for remark in found.hindrances] == ["name"]
        assert isinstance(found.not_kept[0], Remark)

    async def test_plain(self) -> None:
        """It is like ours, and nothing of ours is left on it; it answers once it is started."""
        foreign = await self.make()
        instance = await self.made(foreign)
        assert await foreign.answers(instance, PING, 20.0) is not None
        await foreign.start(instance)
        assert await foreign.answers(instance, PING, 20.0) is None
        assert await foreign.answers(instance, None, 20.0) is None
        found = await foreign.adoption(instance, "shop", (), False)
        assert not found.hindrances
        fields = dict(found.fields)
        check = fields.pop("health_check")
        assert check["command"] == ["redis-cli", "ping"]
        assert fields == {
            "name": "shop",
            "image": "redis:latest",
            "command_line": ["redis-server", "--appendonly", "yes"],
            "environment": {"GREETING": "g'day"},
            "labels": {"team": "shop"},
            "ports": [{"internal": 6379, "external": 7000}],
            "volumes": [{"dataset": "shopdata", "mountpoint": "/data"}],
            "memory_limit": 64 * 2**20,
        }

    async def test_made_again(self) -> None:
        """One of that name that an earlier attempt left is replaced."""
        foreign = await self.make()
        await foreign.start(await self.made(foreign))
        instance = await self.made(foreign)
        found = await foreign.look(instance)
        assert found is not None
        assert (found.name, found.running) == ("shop--trial", False)

    async def test_removed(self) -> None:
        """It goes by its name or its id, running or not; its data stays."""
        foreign = await self.make()
        for runs in (True, False):
            for by_name in (True, False):
                instance = await self.made(foreign)
                if runs:
                    await foreign.start(instance)
                for _ in range(2):
                    await foreign.remove("shop--trial" if by_name else instance)
                assert await foreign.look(instance) is None
        assert await self.volumes_there() == {"shopdata"}
