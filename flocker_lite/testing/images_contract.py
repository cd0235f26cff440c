"""The contract of every IContainers for exact images behind one tag, as tests to mix in."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.errors import ImageError
from flocker_lite.testing.containers_contract import ADDRESS, ContainersContract, ignore, raised
from flocker_lite.testing.memory_images import PLATFORM


class ImagesContract(ContainersContract):
    """All images come from a registry; these tests pull `third_image`."""

    third_image = "postgres:latest"

    async def test_an_exact_image(self) -> None:
        """An image of the node is found by its name, its id and its digests."""
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
        """A container that was made from its tag's local image is replaced by the exact image."""
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

    async def test_for_a_platform(self) -> None:
        """An image of the node's own platform is had for that one, and for no other."""
        containers = await self.make()
        await containers.pull(self.image, ignore, platform=PLATFORM)
        container = replace(self.container(), ports=(), platform=PLATFORM)
        await containers.prepare(container, {}, ADDRESS)
        made = await containers.look("db")
        assert made is not None
        assert made.container == container
        other = "linux/s390x"
        for refused in (
            containers.pull(self.image, ignore, platform=other),
            containers.prepare(replace(container, platform=other), {}, ADDRESS),
        ):
            assert other in str(await raised(ImageError, refused))
        assert await containers.has_image(self.image)

    async def test_its_digest(self) -> None:
        """Both kinds of look show the digest by which another node pulls the container's image."""
        containers = await self.make()
        await containers.pull(self.image, ignore)
        here = await containers.image(self.image)
        assert here is not None
        await containers.prepare(replace(self.container(), ports=()), {}, ADDRESS)
        made = await containers.look("db")
        assert made is not None
        assert made.image_digest.startswith("sha256:")
        assert f"redis@{made.image_digest}" in here.digests
        assert (await containers.discover())["db"].image_digest == made.image_digest
