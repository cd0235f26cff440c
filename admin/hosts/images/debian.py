"""Makes root filesystems from Debian packages: a minimal base, and image folders on top of it."""

import os
import shutil
from pathlib import Path

from admin.hosts.errors import LabError
from admin.hosts.images.recipes import ENTRYPOINT, SYSTEM_PATH, Recipe
from admin.hosts.processes import run

BOOTSTRAP_TIMEOUT_SECONDS = 600.0
INSTALL_TIMEOUT_SECONDS = 600.0
UPDATE_TIMEOUT_SECONDS = 120.0
RECIPE_FOLDERS = Path(__file__).parent
# Whatever kills us, the command ends with us, and its mounts with it.
CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--"),
)
NO_SERVICES = "#!/bin/sh\nexit 101\n"
# An fsync after each file triples the time. Images have no documentation, so dpkg skips it.
DPKG_OPTIONS = "force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n"
INSTALL = """
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3,index=off,redirect_dir=off" "$4"
mount -t proc proc "$4/proc"
exec chroot "$4" /bin/sh -c "$5"
"""


def codename() -> str:
    """The Debian release of this machine; the images have the same."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise LabError("this machine's /etc/os-release has no VERSION_CODENAME: the lab needs Debian")


def package_sources() -> list[tuple[str, str]]:
    """Pairs of address and suite of the Debian archives that this machine's apt uses."""
    pattern = "$(ORIGIN) $(REPO_URI) $(RELEASE)"
    query = ["apt-get", "indextargets", "--format", pattern, "Created-By: Packages"]
    found = parse_sources(run(query).stdout)
    if not found:
        # On a fresh machine apt does not know its archives yet.
        run(["apt-get", "update", "-q"], timeout_seconds=UPDATE_TIMEOUT_SECONDS)
        found = parse_sources(run(query).stdout)
    if not found:
        raise LabError("apt knows no Debian archive: see /etc/apt/sources.list and apt-get update")
    return found


def parse_sources(text: str) -> list[tuple[str, str]]:
    """Debian's own archives, each once, in order; `text` has lines of origin, address and suite."""
    rows = [line.split() for line in text.splitlines()]
    pairs = [(row[1], row[2]) for row in rows if len(row) == 3 and row[0] == "Debian"]
    return list(dict.fromkeys(pairs))


def make_base(target: Path) -> None:
    """Make the root that all images share; apt can install more into it."""
    sources = package_sources()
    suite = codename()
    mirror = next((address for address, release in sources if release == suite), None)
    if mirror is None:
        raise LabError(f"apt knows no archive for {suite}: see /etc/apt/sources.list")
    # Overlayfs and apt's own user must look into it.
    target.mkdir(mode=0o755, parents=True)
    extra = ["--include=ca-certificates"] if mirror.startswith("https:") else []
    run(
        [*CONTAINED, "debootstrap", "--variant=minbase", *extra, suite, str(target), mirror],
        timeout_seconds=BOOTSTRAP_TIMEOUT_SECONDS,
    )
    lines = [f"deb {address} {release} main\n" for address, release in sources]
    (target / "etc/apt/sources.list").write_text("".join(lines))
    (target / "etc/dpkg/dpkg.cfg.d/lab").write_text(DPKG_OPTIONS)
    (target / "usr/sbin/policy-rc.d").write_text(NO_SERVICES)
    (target / "usr/sbin/policy-rc.d").chmod(0o755)
    refresh(target)


def refresh(root: Path) -> None:
    """Let apt in the root find hosts by name as this machine does, and fetch its lists anew."""
    for name in ("resolv.conf", "hosts"):
        (root / "etc" / name).unlink(missing_ok=True)
        shutil.copyfile(Path("/etc", name), root / "etc" / name)
    run(
        [*CONTAINED, "chroot", str(root), "apt-get", "update", "-q"],
        timeout_seconds=UPDATE_TIMEOUT_SECONDS,
        env=build_environment(),
    )


def make_upper(base: Path, recipe: Recipe, work: Path) -> Path:
    """Install an image's packages on top of the base; returns the folder with the difference."""
    upper, overlay_work, merged = (work / name for name in ("upper", "overlay-work", "merged"))
    for folder in (upper, overlay_work, merged):
        folder.mkdir(parents=True, mode=0o755)
    script = (RECIPE_FOLDERS / recipe.name / "build.sh").read_text()
    run(
        [
            *(*CONTAINED, "sh", "-euc", INSTALL, "install"),
            *(str(base), str(upper), str(overlay_work), str(merged), script),
        ],
        timeout_seconds=INSTALL_TIMEOUT_SECONDS,
        env=build_environment(),
    )
    if recipe.has_entrypoint:
        place_entrypoint(recipe, upper)
    return upper


def place_entrypoint(recipe: Recipe, upper: Path) -> None:
    """Copy the image's entrypoint to the path that its configuration names."""
    target = upper / ENTRYPOINT
    target.parent.mkdir(parents=True, mode=0o755, exist_ok=True)
    shutil.copyfile(RECIPE_FOLDERS / recipe.name / "entrypoint.sh", target)
    target.chmod(0o755)


def build_environment() -> dict[str, str]:
    """The environment for installing packages; of the caller's it has only the proxies."""
    proxies = {name: value for name, value in os.environ.items() if name.endswith("_proxy")}
    return {"PATH": SYSTEM_PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", **proxies}
