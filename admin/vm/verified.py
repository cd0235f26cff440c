"""Tell whether anything has changed that the tests on OpenZFS exercise, since they passed.

They take both processors many minutes, so the checks of each day run them only after a change:

    python -m admin.vm.verified          exit code 0 when nothing has changed since the stamp
    python -m admin.vm.verified --write  stamp what there is now, after a run that passed

Comments, docstrings and the layout of code do not count.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

TESTS = "tests/openzfs"
MACHINE = "admin/vm"
STAMP = Path("tests/openzfs/verified.json")


def main(words: list[str], checkout: Path) -> int:
    """The exit code; see the module."""
    stamp = checkout / STAMP
    now = digest(checkout, inputs(checkout))
    if words == ["--write"]:
        stamp.write_text(json.dumps({"inputs": now}) + "\n")
        return 0
    if stamp.exists() and json.loads(stamp.read_text())["inputs"] == now:
        print("Nothing that they exercise has changed since they passed.")
        return 0
    return 1


def inputs(checkout: Path) -> list[Path]:
    """All modules that the tests import, directly or not, and the files of the machine."""
    found: set[Path] = set()
    left = sorted((checkout / TESTS).glob("*.py"))
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += _imported(checkout, path)
    machine = (path for path in (checkout / MACHINE).iterdir() if path.suffix in (".py", ".sh"))
    return sorted(found.union(machine))


def digest(checkout: Path, paths: Iterable[Path]) -> str:
    """A short name of what the files say; only equal code has equal names."""
    total = hashlib.sha256()
    for path in sorted(paths):
        text = path.read_text("utf-8")
        meaning = ast.dump(_bare(ast.parse(text))) if path.suffix == ".py" else text
        total.update(f"{path.relative_to(checkout)}\0{meaning}\0".encode())
    return total.hexdigest()[:32]


def _bare(tree: ast.Module) -> ast.Module:
    """Take out texts that stand alone, as docstrings do; the tree itself is changed."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_text(each)]  # type: ignore[attr-defined]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imported(checkout: Path, path: Path) -> Iterator[Path]:
    """The project's own modules that this one imports, and the packages around them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                place = checkout.joinpath(*parts[:end])
                yield from (
                    each
                    for each in (place.with_suffix(".py"), place / "__init__.py")
                    if each.is_file()
                )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path.cwd()))
