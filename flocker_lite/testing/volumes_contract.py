"""The contract of every IContainers for volumes that images ask for, as tests to mix in."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.errors import ContainerError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import Container, Volume
from flocker_lite.testing.containers_contract import (
    ADDRESS,
    DATASET,
    STOP_TIMEOUT_SECONDS,
    ContainersContract,
    ignore,
    raised,
)


class VolumesContract(ContainersContract):
    """Implement `write` and `read`, too; `image` asks for one volume, at `volume_path`."""

    volume_path = "/data"

    async def write(self, name: str, path: str, text: str) -> None:
        """Write a text into the running container's volume at a path."""
        raise NotImplementedError

    async def read(self, name: str, path: str) -> str:
        """The text in the running container's volume at a path; "" for none."""
        raise NotImplementedError

    async def used(self, containers: IContainers) -> Container:
        """Run a container, with a text in the volume that its image asks for."""
        container = await self.prepared(containers)
        await containers.start("db")
        await self.write("db", self.volume_path, "mine")
        return container

    async def test_a_volume_of_the_image(self) -> None:
        """A volume that the image asks for is not in a dataset; we report that a move leaves it."""
        containers = await self.make()
        await self.prepared(containers)
        assert (await containers.discover())["db"].stays_behind == (self.volume_path,)
        await containers.remove("db")
        await self.prestartable(containers)
        assert (await containers.discover())["db"].stays_behind == ()

    async def test_a_replacement_has_the_volume_of_the_one_before(self) -> None:
        """A replacement finds what its predecessor had in the image's volume."""
        containers = await self.make()
        container = await self.used(containers)
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        other = replace(container, environment=pmap({"TZ": "UTC"}))
        await containers.prepare(other, {}, ADDRESS)
        await containers.start("db")
        assert await self.read("db", self.volume_path) == "mine"
        assert await containers.kept() == ()

    async def test_a_removed_one_leaves_its_volume(self) -> None:
        """A removed container's volume is kept, and the next container of its name gets it."""
        containers = await self.make()
        await self.used(containers)
        await containers.remove("db")
        (kept,) = await containers.kept()
        assert (kept.container, kept.path) == ("db", self.volume_path)
        other = replace(self.container("db-2"), ports=())
        await containers.prepare(other, {}, ADDRESS)
        await containers.start("db-2")
        assert await self.read("db-2", self.volume_path) == ""
        await self.prepared(containers)
        assert await containers.kept() == ()
        # This container never ran, but the volume that it got is kept all the same.
        await containers.remove("db")
        assert [each.volume for each in await containers.kept()] == [kept.volume]
        await self.prepared(containers)
        await containers.start("db")
        assert await self.read("db", self.volume_path) == "mine"

    async def test_one_that_never_ran_leaves_no_volume(self) -> None:
        """A volume of a container that never ran is not kept, even if it was prestarted."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.remove("db")
        assert await containers.kept() == ()
        beside = replace(self.container(), volumes=(Volume(DATASET, "/beside"),))
        await containers.prepare(beside, {DATASET: self.path}, ADDRESS)
        await containers.prestart("db")
        await containers.remove("db")
        assert await containers.kept() == ()

    async def test_a_volume_beside_a_dataset(self) -> None:
        """Once the program has started, the volume is kept, even with a dataset beside it."""
        containers = await self.make()
        beside = replace(self.container(), volumes=(Volume(DATASET, "/beside"),))
        await containers.pull(beside.image, ignore)
        await containers.prepare(beside, {DATASET: self.path}, ADDRESS)
        await containers.prestart("db")
        await self.mount()
        await containers.start("db")
        await self.write("db", self.volume_path, "mine")
        await containers.remove("db")
        assert [each.path for each in await containers.kept()] == [self.volume_path]
        await self.unmount()

    async def test_a_dataset_where_a_volume_was(self) -> None:
        """A volume is kept even if the next container has a dataset at its path."""
        containers = await self.make()
        await self.used(containers)
        await containers.remove("db")
        kept = await containers.kept()
        await self.prestartable(containers)
        assert await containers.kept() == kept
        await containers.remove("db")
        assert await containers.kept() == kept

    async def test_remove_kept(self) -> None:
        """A kept volume can be removed, but not while its container exists."""
        containers = await self.make()
        await containers.remove_kept("db")
        await self.used(containers)
        await raised(ContainerError, containers.remove_kept("db"))
        assert await self.read("db", self.volume_path) == "mine"
        await containers.remove("db")
        await containers.remove_kept("other")
        assert len(await containers.kept()) == 1
        await containers.remove_kept("db")
        assert await containers.kept() == ()
        await self.prepared(containers)
        await containers.start("db")
        assert await self.read("db", self.volume_path) == ""
