"""What a user gets by pip: wheel and sdist, each installed in an environment of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from flocker_lite import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 600
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_{}(sys.argv[1]))"
SHARED = {
    "agent.yml",
    "firewalld/flocker-control-agent.xml",
    "firewalld/flocker-control-api.xml",
    "install/certificates.sh",
    "install/common.sh",
    "install/master.sh",
    "install/node.sh",
    "install/sshd.sh",
    "install/stage1.sh",
    "sysconfig/flocker-agent",
    "sysconfig/flocker-control",
    "systemd/flocker-agent.service",
    "systemd/flocker-control.service",
    "sysusers/flocker-lite.conf",
}
NOT_PYTHON = {
    "flocker_lite/containers/hold",
    "flocker_lite/containers/hold.c",
    "flocker_lite/control/http/components.yml",
    "flocker_lite/control/http/docs.html",
    "flocker_lite/control/http/openapi.yml",
    "flocker_lite/py.typed",
}
ANY_PORT = "tcp:0:interface=127.0.0.1"


def run(*words: str | Path, cwd: Path) -> str:
    """The output of a command that has to succeed, without what this environment adds to it."""
    ended = subprocess.run(
        words,
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def sources() -> set[str]:
    """What is in the checkout, and belongs to it."""
    return set(
        run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=CHECKOUT).split(
            "\n"
        )
    ) - {""}


@dataclass(frozen=True)
class Built:
    """What was built, from nothing but a copy of the sources."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both, as an index would have them."""
    copy, made = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("made")
    for name in sources():
        if (CHECKOUT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((CHECKOUT / name).read_bytes())
    names = [
        run(sys.executable, "-c", BUILD.format(kind), made, cwd=copy).splitlines()[-1]
        for kind in ("wheel", "sdist")
    ]
    return Built(made / names[0], made / names[1])


def test_the_wheel(built: Built) -> None:
    """It is for any Python 3 of this kind of machine, and has all that runs, and the rest."""
    assert re.fullmatch(
        rf"flocker_lite-{__version__}-py3-none-manylinux2014_\w+\.whl", built.wheel.name
    )
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
        program = wheel.getinfo("flocker_lite/containers/hold")
        assert wheel.read(program)[:4] == b"\x7fELF"
    ours = {name for name in sources() if name.startswith(("flocker_lite/", "twisted/"))}
    data = f"flocker_lite-{__version__}.data/data/share/flocker-lite/"
    info = f"flocker_lite-{__version__}.dist-info/"
    assert program.external_attr >> 16 & 0o111
    assert {name for name in names if not name.startswith((data, info))} == (
        {name for name in ours if name.endswith(".py")} | NOT_PYTHON
    )
    assert {name.removeprefix(data) for name in names if name.startswith(data)} == SHARED
    assert {f"{info}METADATA", f"{info}entry_points.txt"} <= names
    assert any(name.startswith(info) and name.endswith("LICENSE") for name in names)


def test_the_sdist(built: Built) -> None:
    """It has the sources of all that, the documents, and no tests."""
    top = f"flocker_lite-{__version__}/"
    with tarfile.open(built.sdist) as sdist:
        names = {item.name.removeprefix(top) for item in sdist if item.isfile()}
    kept = {
        name
        for name in sources()
        if name.startswith(("flocker_lite/", "twisted/", "docs/", "packaging/", "admin/install/"))
        and not name.startswith(("packaging/rpm/", "packaging/verified.json"))
    }
    project = {
        "pyproject.toml",
        "setup.py",
        "MANIFEST.in",
        "README.rst",
        "LICENSE",
        "CHANGELOG.rst",
    }
    made = {name for name in names if ".egg-info/" in name} | {"PKG-INFO", "setup.cfg"}
    assert names == kept | project | made


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def environment(
    request: pytest.FixtureRequest, built: Built, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A new environment in which it was installed, with the versions that the checks have."""
    directory = tmp_path_factory.mktemp(request.param)
    pins = re.findall(r"^[\w.-]+==\S+", (CHECKOUT / "requirements/dev.lock").read_text(), re.M)
    (directory / "pins").write_text("\n".join(pins))
    run(sys.executable, "-m", "venv", directory / "env", cwd=directory)
    run(
        *(directory / "env/bin/pip", "install", "--quiet", "--constraint", directory / "pins"),
        getattr(built, request.param),
        cwd=directory,
    )
    return directory / "env"


def test_what_is_installed(environment: Path, tmp_path: Path) -> None:
    """The commands run, twistd has the plugins, and the rest is below share/flocker-lite."""
    for name in ("flocker-control", "flocker-agent", "flocker-ca"):
        version = run(environment / "bin" / name, "--version", cwd=tmp_path)
        assert version == f"flocker_lite {__version__}\n"
        assert name in run(environment / "bin" / name, "--help", cwd=tmp_path)
    for name in ("flocker-control", "flocker-agent"):
        assert name in run(environment / "bin/twistd", "--help", cwd=tmp_path)
    assert (environment / "bin/flocker-lite-receive").is_file()
    shared = environment / "share/flocker-lite"
    assert {str(path.relative_to(shared)) for path in shared.rglob("*") if path.is_file()} == SHARED
    (hold,) = environment.glob("lib/python3*/site-packages/flocker_lite/containers/hold")
    assert hold.stat().st_mode & 0o111


def test_it_serves(environment: Path, tmp_path: Path) -> None:
    """A control service of the environment comes up, with all that it imports and reads."""
    with subprocess.Popen(
        [environment / "bin/flocker-control", f"-d{tmp_path}/d", f"-p{ANY_PORT}", f"-a{ANY_PORT}"],
        env={},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("flocker-control serves cluster" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_SECONDS) == -signal.SIGTERM


def test_the_agent_starts(environment: Path, tmp_path: Path) -> None:
    """An agent gets as far as to miss its options: all that it imports is there."""
    ended = subprocess.run(
        [environment / "bin/flocker-agent"], env={}, cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "say which address this node has" in ended.stdout
