"""Every link inside the documents leads somewhere, anchors and quoted sections too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.rst", "CONTRIBUTING.rst", "CHANGELOG.rst")),
    *sorted((ROOT / "docs").rglob("*.rst")),
]
LINK = re.compile(r"<([^>`\s]+)>`_")
IMAGE = re.compile(r"^\s*\.\. (?:image|figure):: (\S+)|^\s+:target: (\S+)", re.MULTILINE)
LITERAL = re.compile(r"``((?:docs/)?[\w./-]+\.rst)``")
SECTION = re.compile(r'(?:<([^>`\s]+\.rst)>`_|``([\w./-]+\.rst)``),\s+"([^"]+)"')


def named(path: Path) -> str:
    """A page's path, for the test's name."""
    return str(path.relative_to(ROOT))


@cache
def sections(path: Path) -> frozenset[str]:
    """The headings of a page."""
    lines = path.read_text("utf-8").splitlines()
    return frozenset(
        " ".join(line.replace("`", "").split())
        for line, below in pairwise(lines)
        if line.strip() and re.fullmatch(r"([=\-#~^*])\1{2,}", below)
    )


def slug(heading: str) -> str:
    """The anchor that GitHub and docutils give a heading."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def targets(path: Path) -> Iterator[str]:
    """What a page links to, or shows, in this repository."""
    text = path.read_text("utf-8")
    found = [*LINK.findall(text), *(a or b for a, b in IMAGE.findall(text))]
    return (each for each in found if not re.match(r"[a-z]+:", each))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links(page: Path) -> None:
    """The file is there, and has the section of the anchor."""
    for target in targets(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in map(slug, sections(file)), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_names_of_pages(page: Path) -> None:
    """A page that is named as code is there, seen from the root or from the page."""
    for name in LITERAL.findall(page.read_text("utf-8")):
        assert (ROOT / name).exists() or (page.parent / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_quoted_sections(page: Path) -> None:
    """A section that is named by its page and its heading is there."""
    for linked, literal, quoted in SECTION.findall(page.read_text("utf-8")):
        name, heading = linked or literal, " ".join(quoted.split())
        file = next(each for each in (page.parent / name, ROOT / name) if each.exists())
        assert heading in sections(file), f'{name}, "{heading}"'


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_elsewhere(page: Path) -> None:
    """They are whole and by TLS, to hosts with names; whether somebody answers is not asked."""
    for target in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            url = urlsplit(target)
            assert url.scheme == "https", target
            assert re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", url.netloc), target
            assert re.fullmatch(r"(?:/[\w.~%+-]*)*", url.path), target


def test_every_page_is_in_the_readme_or_the_index() -> None:
    """Nobody has to know a page to find it."""
    index = (ROOT / "docs/index.rst").read_text("utf-8").split()
    for page in sorted((ROOT / "docs").rglob("*.rst")):
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        assert name == "index" or name in index, name
