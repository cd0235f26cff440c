"""Makes the packages of what was staged: the same bytes each time."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from admin.packaging import layout
from admin.packaging.errors import PackagingError
from admin.vm.commands import run

SPEC = Path("packaging/rpm/flocker-lite.spec")
STUB_SPEC = Path("packaging/rpm/el7-base.spec")
BUILD_SECONDS_MAX = 1200

PAYLOAD = "w2.xzdio"
"""rpm 4.11 reads xz, and not yet zstd."""
QUICK_PAYLOAD = "w1.gzdio"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is to be packed, and how."""

    stage: Path
    version: str
    epoch_seconds: int
    """The time that everything in the packages bears."""
    release: str = layout.RELEASE
    payload: str = PAYLOAD


def definitions(recipe: Recipe, commands: Sequence[str]) -> dict[str, str]:
    """The macros of the spec, and those that keep the machine and the hour out of the packages."""
    return {
        "flocker_version": recipe.version,
        "flocker_release": recipe.release,
        "flocker_stage": str(recipe.stage),
        "flocker_commands": " ".join(f"{name}:{layout.OWNERS[name]}" for name in commands),
        "dist": layout.DISTRIBUTION,
        "_binary_payload": recipe.payload,
        "_buildhost": "localhost",
        "use_source_date_epoch_as_buildtime": "1",
        "clamp_mtime_to_source_date_epoch": "1",
    }


def build_argv(spec: Path, top: Path, macros: dict[str, str]) -> tuple[str, ...]:
    """The command that makes the packages of a spec below `top`/RPMS."""
    folders = {"_topdir": top, "_tmppath": top / "temporary", "_dbpath": top / "database"}
    every = {**{key: str(folder) for key, folder in folders.items()}, **macros}
    defined = [word for key, value in every.items() for word in ("--define", f"{key} {value}")]
    # Debian's rpm knows no package that could be asked for; what is needed is installed by name.
    return (
        "rpmbuild",
        "-bb",
        "--quiet",
        "--nodeps",
        "--target",
        "x86_64-linux",
        *defined,
        str(spec),
    )


def build(checkout: Path, recipe: Recipe, top: Path) -> Path:
    """Make the packages; returns the folder that has them, and nothing else."""
    linked = sorted(path.name for path in (recipe.stage / layout.LINKS.lstrip("/")).iterdir())
    macros = definitions(recipe, linked)
    result = _rpmbuild(checkout / SPEC, top, macros, recipe.epoch_seconds)
    expected = {
        layout.file_name(name, recipe.version, recipe.release)
        for name in ("", *layout.SUB_PACKAGES)
    }
    made = {path.name for path in result.iterdir()}
    if made != expected:
        raise PackagingError(f"rpmbuild made {sorted(made)}, not {sorted(expected)}")
    return result


def build_stub(checkout: Path, top: Path) -> Path:
    """Make the package that stands for what CentOS 7 itself provides."""
    (package,) = _rpmbuild(checkout / STUB_SPEC, top, {}, 0).iterdir()
    return package


def _rpmbuild(spec: Path, top: Path, macros: dict[str, str], epoch_seconds: int) -> Path:
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(top),
        "SOURCE_DATE_EPOCH": str(epoch_seconds),
    }
    argv = build_argv(spec, top, macros)
    run(argv, timeout_seconds=BUILD_SECONDS_MAX, environment=environment)
    return top / "RPMS" / layout.ARCHITECTURE


def differing(first: Path, second: Path) -> Sequence[str]:
    """The names of packages that are not the same, byte by byte, in two folders."""
    names = sorted({path.name for folder in (first, second) for path in folder.iterdir()})
    return [
        name
        for name in names
        if not all((folder / name).exists() for folder in (first, second))
        or (first / name).read_bytes() != (second / name).read_bytes()
    ]
