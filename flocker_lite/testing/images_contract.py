"""What every IContainers does to tell images apart that one tag may mean, to be mixed in."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.testing.containers_contract import ADDRESS, ContainersContract, ignore


class ImagesContract(ContainersContract):
    """All images are to be pulled from a registry; `third_image` is pulled here."""

    third_image = "postgres:latest"

    async def test_an_exact_image(self) -> None:
        """An image that is here is known by its name, its id and its digests."""
        containers = await self.make()
        assert await containers.image(self.missing_image) is None
        await containers.pull(self.image, ignore)
        found = await containers.image(self.image)
        assert found is not None
        assert found.image == self.image
        assert found.image_id.startswith("sha256:")
        by_id = await containers.image(found.image_id)
        assert by_id is not None
        assert (by_id.image_id, by_id.digests) == (found.image_id, found.digests)
        assert found.digests
        for digest in found.digests:
            await containers.pull(digest, ignore)
            by_digest = await containers.image(digest)
            assert by_digest is not None
            assert by_digest.image_id == found.image_id

    async def test_made_from_an_exact_image(self) -> None:
        """One that was made from what its tag means here is made anew from the very image."""
        containers = await self.make()
        await containers.pull(self.image, ignore)
        await containers.pull(self.third_image, ignore)
        here = await containers.image(self.image)
        other = await containers.image(self.third_image)
        assert here is not None
        assert other is not None
        container = replace(self.container(), ports=())
        await containers.prepare(container, {}, ADDRESS)
        made = (await containers.discover())["db"]
        assert (made.container, made.image_id) == (container, here.image_id)
        await containers.prepare(container, {}, ADDRESS, other.image_id)
        exact = await containers.look("db")
        assert exact is not None
        assert (exact.container, exact.image_id) == (container, other.image_id)
        await containers.prepare(container, {}, ADDRESS, other.image_id)
        assert await containers.look("db") == exact
