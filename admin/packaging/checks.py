"""What packages have to pass before anybody gets them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from admin.packaging import elf, layout, rpmbuild, staging, trial
from admin.packaging.errors import PackagingError
from admin.vm.commands import run

FILTERS = Path("packaging/rpm/rpmlint.toml")
LINT_SECONDS_MAX = 600
LATER = "2"
"""The release of packages that the first ones are upgraded to."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Packages that passed, and what was found out about them."""

    folder: Path
    elf: elf.Found
    installed_bytes: int

    def facts(self) -> dict[str, object]:
        """For the stamp."""
        return {
            "elf files": self.elf.files,
            "glibc at most": elf.text_of(self.elf.glibc),
            "installed MiB": round(self.installed_bytes / 1024**2),
            "package KiB": {
                path.name: round(path.stat().st_size / 1024)
                for path in sorted(self.folder.iterdir())
            },
        }


@dataclass(frozen=True, slots=True)
class Checks:
    """Builds the packages of a checkout in a folder, and checks them."""

    checkout: Path
    python: Path
    """The interpreter's tree."""
    folder: Path
    progress: Callable[[str], None]

    def build(self, recipe: rpmbuild.Recipe) -> Path:
        """Stage all and make the packages, into a folder that is named after the stage."""
        staging.stage(self.checkout, self.python, recipe.stage)
        return rpmbuild.build(
            self.checkout, recipe, recipe.stage.with_name(recipe.stage.name + "-rpm")
        )

    def all(self, version: str, epoch_seconds: int) -> Passed:
        """
        The packages, when they have passed.

        :raises PackagingError: when they have not.
        """
        recipe = rpmbuild.Recipe(self.folder / "stage", version, epoch_seconds)
        self.progress("making the packages")
        made = self.build(recipe)
        self.progress("looking at what they need of glibc, and at what rpmlint says")
        found = elf.check(recipe.stage)
        self._lint(made)
        self.progress("making them again, to compare")
        again = self.build(replace(recipe, stage=self.folder / "again"))
        if differing := rpmbuild.differing(made, again):
            raise PackagingError(f"made twice, these are not the same: {', '.join(differing)}")
        self.progress("installing, upgrading, downgrading and erasing them")
        stub = rpmbuild.build_stub(self.checkout, self.folder / "stub")
        self._lifecycle(recipe, made, stub)
        self.progress("starting the daemons, and making a dataset")
        trial.start("smoke", self._new("smoke"), self.checkout, stub, made)
        size = sum(path.lstat().st_size for path in recipe.stage.rglob("*") if not path.is_dir())
        return Passed(made, found, size)

    def _lint(self, made: Path) -> None:
        """rpmlint exits with 64 when there is an error that the filters do not have."""
        packages = map(str, sorted(made.iterdir()))
        argv = ("rpmlint", "--config", str(self.checkout / FILTERS), *packages)
        run(argv, timeout_seconds=LINT_SECONDS_MAX)

    def _lifecycle(self, recipe: rpmbuild.Recipe, made: Path, stub: Path) -> None:
        """The later packages have another agent.yml, and are packed quickly."""
        later = replace(
            recipe,
            stage=self.folder / "again",
            release=LATER,
            payload=rpmbuild.QUICK_PAYLOAD,
        )
        with (later.stage / layout.AGENT_FILE.lstrip("/")).open("a") as file:
            file.write("# of a later release\n")
        second = rpmbuild.build(self.checkout, later, self.folder / "later-rpm")
        trial.start("lifecycle", self._new("lifecycle"), stub, made, second)

    def _new(self, name: str) -> Path:
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path
