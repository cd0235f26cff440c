"""Suggests a known word for a misspelt one; pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

LIKENESS_MIN = 0.6
"""How similar a word has to be to be suggested: 0 is nothing in common, 1 the same."""

WORDS_MAX = 1000
"""How many words are compared; each takes about 10 us."""

CHARACTERS_MAX = 300


def nearest(word: str, known: Iterable[str], likeness: float = LIKENESS_MIN) -> str | None:
    """The most similar known word, ignoring case, hyphens and underscores."""
    if len(word) > CHARACTERS_MAX:
        return None
    by_plain = {_plain(each): each for each in islice(known, WORDS_MAX)}
    found = get_close_matches(_plain(word), by_plain, 1, likeness)
    return by_plain[found[0]] if found else None


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")
