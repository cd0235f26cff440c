"""YAML as Compose reads it."""

from __future__ import annotations

from typing import Any

import pytest

from flocker_lite.cli.compose_yaml import BadFile, parsed, path_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:22", "22:22"),
        ("yes", "yes"),
        ("no", "no"),
        ("true", True),
        ("0440", 0o440),
        ("0o440", 0o440),
        ("0x10", 16),
        ("-5", -5),
        ("08", 8.0),
        ("1.5", 1.5),
        ("2024-01-01", "2024-01-01"),
        ("", None),
        ("~", None),
        ('"1"', "1"),
        ("1_000", "1_000"),
    ],
)
def test_scalars(text: str, expected: Any) -> None:
    """Those of YAML 1.2, and octal numbers."""
    assert parsed(f"a: {text}\n", "f").content == {"a": expected}


def test_lines() -> None:
    """Each part has the line of its key, also where it came by an alias or a merge."""
    file = parsed("x: &x\n  b: 1\na:\n  <<: *x\n  c:\n    - 1\n    - 2\n", "f.yml")
    assert file.content["a"] == {"b": 1, "c": [1, 2]}
    assert file.where(("a", "b")) == "f.yml:2"
    assert file.where(("a", "c", 1)) == "f.yml:7"
    assert file.where(("a", "c", 1, "deeper")) == "f.yml:7"
    assert file.where(()) == "f.yml:1"


def test_merged() -> None:
    """What is said counts more than what is merged, the first of several more than the second."""
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 0\n"
    assert parsed(text, "f").content["z"] == {"a": 0, "b": 1, "c": 2}


def test_many_aliases() -> None:
    """A small file cannot become a huge one."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(BadFile, match="more than 100000 parts"):
        parsed("\n".join(lines), "f")


def test_path_of() -> None:
    """Paths of the service, as they are in its problems."""
    assert path_of('$.services.web.ports[0]["a.b"]') == ("services", "web", "ports", 0, "a.b")
