"""The contract of every IStorage for properties, as tests to mix into a trial TestCase."""

from __future__ import annotations

from flocker_lite.errors import NotFound
from flocker_lite.model.lease import create
from flocker_lite.model.properties import NAMES
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import DATASET, MEBIBYTE, REPLICA, StorageCase, transfer


class PropertiesContract(StorageCase):
    """Reading, setting and resetting the properties that travel, and failures to set them."""

    async def test_properties(self) -> None:
        """A property stays until it is changed or reset; doing either twice changes nothing."""
        storage = await self.make()
        await storage.create(DATASET, 64 * MEBIBYTE, create())
        before = await storage.look(DATASET)
        inherited = dict(await storage.properties(DATASET))
        assert set(inherited.values()) == {None}
        assert set(inherited) >= {"compression", "recordsize", "atime"}
        assert set(inherited) <= NAMES
        for told in (
            {"compression": "gzip-9", "recordsize": "8192", "atime": "off"},
            {"compression": "gzip-9"},
            {"compression": None, "atime": None, "copies": "2", "exec": "off"},
            {"compression": None, "exec": None},
        ):
            had = dict(await storage.properties(DATASET))
            assert await storage.set_properties(DATASET, told) == ()
            assert dict(await storage.properties(DATASET)) == {**had, **told}
        # Nothing else about the copy has changed, and nobody mounted it for this.
        assert await storage.look(DATASET) == before

    async def test_properties_that_cannot_be(self) -> None:
        """A refused property is reported, and does not prevent the others from being set.

        Its value is remembered until it is set otherwise: another node's storage may support it.
        """
        storage = await self.make()
        await storage.create(DATASET, None, create())
        told = {"atime": "off", "recordsize": "9999", "snapdir": "visible"}
        for _ in range(2):
            (undone,) = await storage.set_properties(DATASET, told)
            assert "recordsize" in undone
            assert (await storage.properties(DATASET)).items() >= told.items()
        for value in ("4096", None):
            better = {"recordsize": value, "snapdir": None}
            assert await storage.set_properties(DATASET, better) == ()
            have = await storage.properties(DATASET)
            assert (have["recordsize"], have["snapdir"], have["atime"]) == (value, None, "off")

    async def test_properties_are_of_one_copy(self) -> None:
        """A stream does not carry them; an increment to a replica with properties still works."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.set_properties(DATASET, {"compression": "gzip", "copies": "2"})
        await source.snapshot(DATASET, "first")
        await transfer(source, target, DATASET, None, "first")
        await target.set_lease(DATASET, REPLICA)
        assert (await target.properties(DATASET))["compression"] is None
        await target.set_properties(DATASET, {"compression": "gzip-1"})
        self.write(source, DATASET, "two")
        await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
        assert (await source.properties(DATASET))["compression"] == "gzip"
        assert (await target.properties(DATASET))["compression"] == "gzip-1"
        assert await self.holds(target) == ("one", "two")

    async def test_properties_that_stay(self) -> None:
        """Properties that do not travel are reported if a user set them, not if the storage did."""
        storage = await self.make()
        await storage.create(DATASET, 64 * MEBIBYTE, create())
        said = {
            "com.example:backup": "yes",
            "com.example:note": "a\tb\ncompression\tlz4\tlocal",
            "quota": str(128 * MEBIBYTE),
            "snapdir": "visible",
        }
        for name, value in said.items():
            self.set_property(storage, DATASET, name, value)
        have = await storage.properties(DATASET)
        assert {name: value for name, value in have.items() if value is not None} == said

    async def test_properties_of_nothing(self) -> None:
        """Reading or setting properties without a copy is NotFound."""
        storage = await self.make()
        await raised(NotFound, storage.properties(DATASET))
        await raised(NotFound, storage.set_properties(DATASET, {"atime": "off"}))
