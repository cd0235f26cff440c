"""The literal blocks of the pages, and the commands that are in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Directive, Parser, directives
from docutils.utils import new_document

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.rst", "CONTRIBUTING.rst")),
    *sorted((ROOT / "docs").rglob("*.rst")),
]
SILENT = 5
NOT_A_COMMAND = re.compile(r"\w+=|(?:do|then|else|if|while|until|sudo|!|\(|\{)$")
"""What may stand before a command."""


class _Nothing(Directive):
    """A directive that only Sphinx knows."""

    has_content = True
    optional_arguments = 9

    def run(self) -> list[nodes.Node]:
        return []


directives.register_directive("toctree", _Nothing)


@dataclass(frozen=True, slots=True)
class Block:
    """What a page shows literally: as a block of lines, or within a sentence."""

    page: Path
    text: str
    inline: bool = False

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text}"


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """All of a page."""
    settings = get_default_settings(Parser)
    settings.report_level = SILENT
    document = new_document(str(page), settings)
    Parser().parse(page.read_text("utf-8"), document)
    return tuple(
        Block(page, node.astext(), isinstance(node, nodes.literal))
        for node in document.findall()
        if isinstance(node, nodes.literal | nodes.literal_block)
    )


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each simple command; nothing of a text that is no shell."""
    text = re.sub(r"(^|\s)# .*$", r"\1", block.text.replace("\\\n", " "), flags=re.MULTILINE)
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";|&()<>\n")
    lexer.whitespace = " \t"
    lexer.commenters = ""
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for token in lexer:
            if set(token) <= set(";|&()\n"):
                yield from _command(words)
                words = []
            else:
                words.append(token)
    except ValueError:
        # A quotation mark without its other one: prose.
        return
    yield from _command(words)


def _command(words: list[str]) -> Iterator[list[str]]:
    kept = list(words)
    while kept and NOT_A_COMMAND.match(kept[0]):
        del kept[0]
    for number, word in enumerate(kept):
        # Where its input comes from, or its output goes.
        if set(word) <= set("<>"):
            del kept[number:]
            break
    if kept:
        yield kept
