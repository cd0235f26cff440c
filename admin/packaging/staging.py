"""Lays out, in a folder, all that the packages contain."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from admin.packaging import layout
from admin.packaging.errors import PackagingError
from admin.releasing import materials
from admin.vm.commands import run
from admin.vm.job import checkout_files
from flocker_lite import __version__

LOCK = Path("requirements/rpm.lock")
MADE = {
    Path("flocker_lite/control/http/dashboard"): "app.js",
    Path("flocker_lite/control/http/documentation"): "index.html",
}
"""The folders that admin/setup makes, and a file of each; they are not in the repository."""

INSTALL_SECONDS_MAX = 600
COMPILE_SECONDS_MAX = 300

PLATFORMS = (
    *("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_12_x86_64"),
    *("manylinux2010_x86_64", "manylinux_2_5_x86_64", "manylinux1_x86_64"),
)
"""Wheels that say of themselves that a glibc of 2.17 can load them."""

PLUGINS_EPOCH_SECONDS = 1_700_000_000
FILES_EPOCH_SECONDS = PLUGINS_EPOCH_SECONDS + 60
"""When all files were changed last, long before any package: Twisted's plugins before their cache.

rpmbuild settles only times that are later than the commit. The interpreter may be older than that.
"""

FILES_OF_PIP = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
PROJECT = {
    *("flocker_lite", "twisted", "packaging", "admin"),
    *("setup.py", "pyproject.toml", "README.rst", "LICENSE"),
}
"""What of the checkout its wheel is built from."""

# The cache is a pickled mapping in the order of a directory, which differs from one to the next.
WARM_PLUGINS = """
import pickle
from pathlib import Path
from twisted.plugin import getCache
import twisted.plugins
getCache(twisted.plugins)
cache = Path(twisted.plugins.__file__).with_name("dropin.cache")
plugins = pickle.loads(cache.read_bytes())
cache.write_bytes(pickle.dumps({name: plugins[name] for name in sorted(plugins)}, 2))
"""


def stage(checkout: Path, python: Path, folder: Path) -> None:
    """
    Fill a new folder with all that is installed, at its path there.

    :param python: the interpreter's tree.
    :raises PackagingError: when a module of the project cannot be imported in the result.
    """
    tree = folder / layout.PYTHON_HOME.lstrip("/")
    tree.parent.mkdir(parents=True)
    # The others are what patches were applied to.
    shutil.copytree(python, tree, symlinks=True, ignore=shutil.ignore_patterns("*.orig"))
    site = folder / layout.SITE_PACKAGES.lstrip("/")
    _install_libraries(checkout, site)
    _install_project(checkout, site, folder.with_name(f"{folder.name}-project"))
    _drop_what_is_not_needed(site)
    _write_commands(commands(checkout), folder)
    for source, target in layout.SHIPPED.items():
        place = folder / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkout / source, place)
    bill = folder / layout.BILL_OF_MATERIALS.lstrip("/")
    bill.write_text(materials.bill(checkout, __version__), "utf-8")
    for directory in ("/etc/flocker-lite", "/var/lib/flocker-lite/control"):
        (folder / directory.lstrip("/")).mkdir(parents=True, exist_ok=True)
    _check_imports(folder)
    _compile(folder)
    _settle(folder)


def commands(checkout: Path) -> Mapping[str, str]:
    """The project's commands and their entry points."""
    with (checkout / "pyproject.toml").open("rb") as file:
        scripts: Mapping[str, str] = tomllib.load(file)["project"]["scripts"]
    return scripts


def modules(names: Sequence[str]) -> list[str]:
    """The project's modules, by the files of the checkout, without what is for tests."""
    paths = [PurePosixPath(name) for name in names]
    return [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in paths
        if path.suffix == ".py" and path.parts[0] == "flocker_lite" and layout.is_needed(path)
    ]


def _pip(*arguments: str) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    run((*pip, *arguments), timeout_seconds=INSTALL_SECONDS_MAX)


def _install_libraries(checkout: Path, site: Path) -> None:
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    python = ("--implementation", "cp", "--python-version", "3.11", "--only-binary", ":all:")
    lock = ("--require-hashes", "--requirement", str(checkout / LOCK))
    target = ("--no-deps", "--no-compile", "--target", str(site))
    _pip("install", "--quiet", *python, *platforms, *lock, *target)


def _install_project(checkout: Path, site: Path, copy: Path) -> None:
    """Build the project's wheel in a copy of the checkout, which stays as it is."""
    for name in checkout_files(checkout):
        if PurePosixPath(name).parts[0] in PROJECT:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkout / name, copy / name)
    for made, file in MADE.items():
        if not (checkout / made / file).exists():
            raise PackagingError(f"there is no {made}: run admin/setup")
        shutil.copytree(checkout / made, copy / made)
    wheels = copy / "wheels"
    _pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(copy))
    (wheel,) = wheels.iterdir()
    alone = copy / "site"
    target = ("--no-compile", "--target", str(alone))
    _pip("install", "--quiet", "--no-deps", "--no-index", *target, str(wheel))
    # Units and the like, for whoever installs the wheel: here they lie in places of their own.
    shutil.rmtree(alone / "share")
    # pip would put its twisted/plugins in the place of all that is Twisted.
    shutil.copytree(alone, site, dirs_exist_ok=True)
    shutil.rmtree(copy)


def _drop_what_is_not_needed(site: Path) -> None:
    shutil.rmtree(site / "bin", ignore_errors=True)
    for path in sorted(site.rglob("*"), reverse=True):
        if path.name in FILES_OF_PIP and path.parent.suffix == ".dist-info":
            path.unlink()
        elif path.is_dir() and path.name in layout.NOT_NEEDED:
            shutil.rmtree(path)


def _write_commands(scripts: Mapping[str, str], folder: Path) -> None:
    """The commands below `layout.COMMANDS`, and the links to those of the project."""
    twistd = {"twistd": "twisted.scripts.twistd:run"}
    here, links = folder / layout.COMMANDS.lstrip("/"), folder / layout.LINKS.lstrip("/")
    here.mkdir()
    links.mkdir(parents=True)
    for name, target in {**scripts, **twistd}.items():
        (here / name).write_text(layout.launcher(target))
        (here / name).chmod(0o755)
    for name in scripts:
        layout.package_of(name, scripts)
        (links / name).symlink_to(f"{layout.COMMANDS}/{name}")


def _run_staged(folder: Path, *arguments: str) -> bytes:
    """Run the staged interpreter where it lies, on nothing but what is staged with it."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    argv = (str(folder / layout.PYTHON.lstrip("/")), "-sBP", *arguments)
    return run(argv, timeout_seconds=COMPILE_SECONDS_MAX, environment=environment)


def _check_imports(folder: Path) -> None:
    site = folder / layout.SITE_PACKAGES.lstrip("/")
    names = modules([str(path.relative_to(site)) for path in site.rglob("*.py")])
    if not names:
        raise PackagingError(f"the project is not in {site}")
    _run_staged(folder, "-c", f"import {', '.join(sorted(names))}")


def _compile(folder: Path) -> None:
    """Ship what Python and Twisted would else write when root runs them, and nothing own."""
    library = folder / layout.LIBRARY.lstrip("/")
    # By hash and not by time, so that nothing is written anew; sorted, with one worker.
    how = ("-qf", "-j", "1", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/")
    _run_staged(folder, "-m", "compileall", *how, str(library))
    _run_staged(folder, "-c", WARM_PLUGINS)


def _settle(folder: Path) -> None:
    """The same modes and times, whatever the umask of who builds, and whenever that is."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            runs = path.stat().st_mode & 0o100 and path.suffix != ".py"
            path.chmod(0o755 if path.is_dir() or runs else 0o644)
        os.utime(path, (FILES_EPOCH_SECONDS, FILES_EPOCH_SECONDS), follow_symlinks=False)
    # Twisted would write a cache anew that is not later than the plugins.
    for plugin in (folder / layout.SITE_PACKAGES.lstrip("/") / "twisted/plugins").glob("*.py"):
        os.utime(plugin, (PLUGINS_EPOCH_SECONDS, PLUGINS_EPOCH_SECONDS))
