"""The pages that are made of the code say what the code says now."""

from __future__ import annotations

import pytest

from tests.docs import pictures, reference


@pytest.mark.parametrize("name", reference.PAGES)
def test_pages_are_current(name: str) -> None:
    """`python -m tests.docs.reference` would change nothing."""
    assert (reference.FOLDER / name).read_text("utf-8") == reference.wrapped(
        reference.PAGES[name]()
    )


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_pictures_are_current(name: str) -> None:
    """`python -m tests.docs.pictures` would change nothing."""
    assert (pictures.FOLDER / name).read_text("utf-8") == pictures.PICTURES[name]().svg()


def test_long_lines_are_folded() -> None:
    """Prose and items fit, and headings and blocks stay as they are."""
    text = "word " * 40 + "\n\n" + "* item " * 30 + "\n\n::\n\n    " + "x " * 60
    prose, items, mark, block = reference.wrapped(text.strip()).split("\n\n")
    assert max(map(len, (prose + "\n" + items).split("\n"))) < reference.WIDTH
    assert items.split("\n")[1].startswith("  ")
    assert (mark, len(block.strip().split("\n"))) == ("::", 1)
