"""What a user gets by pip: wheel and sdist, each installed in an environment of its own."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
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

from admin.releasing import materials
from admin.releasing.distributions import build_twice
from admin.releasing.making import BILL
from flocker_lite import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 600
EPOCH_SECONDS = 1_800_000_000
SHARED = {
    "agent.yml",
    "firewalld/flocker-control-agent.xml",
    "firewalld/flocker-control-api.xml",
    "install/certificates.sh",
    "install/common.sh",
    "install/etcd.sh",
    "install/master.sh",
    "install/node.sh",
    "install/sshd.sh",
    "install/stage1.sh",
    "monitoring/alerts.yml",
    "monitoring/grafana-dashboard.json",
    "monitoring/prometheus.yml",
    "sysconfig/flocker-agent",
    "sysconfig/flocker-control",
    "systemd/flocker-agent.service",
    "systemd/flocker-control.service",
    "systemd/flocker-volumes.socket",
    "sysusers/flocker-lite.conf",
}
MADE = tuple(f"flocker_lite/control/http/{name}/" for name in ("dashboard", "documentation"))
"""Folders that admin/setup makes; no part of the sources, and a part of what is built."""
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


def made() -> set[str]:
    """The files of the dashboard and of the documentation."""
    found = {
        path.relative_to(CHECKOUT).as_posix()
        for folder in MADE
        for path in (CHECKOUT / folder).rglob("*")
        if path.is_file()
    }
    assert {f"{folder}index.html" for folder in MADE} <= found, "run admin/setup"
    return found


@dataclass(frozen=True)
class Built:
    """What was built, from nothing but a copy of the sources."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both, as an index would have them; made as on another machine, they are the same."""
    folder = tmp_path_factory.mktemp("release")
    wheel, sdist = build_twice(CHECKOUT, folder, EPOCH_SECONDS)
    return Built(wheel, sdist)


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
        {name for name in ours if name.endswith(".py")} | NOT_PYTHON | made()
    )
    assert {name.removeprefix(data) for name in names if name.startswith(data)} == SHARED
    assert {f"{info}METADATA", f"{info}entry_points.txt"} <= names
    assert any(name.startswith(info) and name.endswith("LICENSE") for name in names)


def test_the_bill_of_the_wheel(built: Built) -> None:
    """It lies where PEP 770 says, and RECORD has it as it has all others."""
    info = f"flocker_lite-{__version__}.dist-info"
    with zipfile.ZipFile(built.wheel) as wheel:
        bill = wheel.read(f"{info}/sboms/{BILL.name}")
        recorded = list(csv.reader(wheel.read(f"{info}/RECORD").decode().splitlines()))
        for name, hashed, size in recorded:
            if name != f"{info}/RECORD":
                digest = hashlib.sha256(wheel.read(name)).digest()
                text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                assert (hashed, size) == (f"sha256={text}", str(wheel.getinfo(name).file_size))
        assert sorted(wheel.namelist()) == sorted(name for name, *_ in recorded)
    assert bill.decode() == materials.bill_of_wheel(CHECKOUT, __version__)


def test_the_sdist(built: Built) -> None:
    """It has the sources of all that, the documents as they are and as HTML, and no tests."""
    top = f"flocker_lite-{__version__}/"
    with tarfile.open(built.sdist) as sdist:
        assert {item.mtime for item in sdist} == {EPOCH_SECONDS}
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
    kept.add(str(BILL))
    by_setuptools = {name for name in names if ".egg-info/" in name} | {"PKG-INFO", "setup.cfg"}
    assert names == kept | project | made() | by_setuptools


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
    (bill,) = environment.glob(f"lib/python3*/site-packages/*.dist-info/sboms/{BILL.name}")
    assert json.loads(bill.read_text())["metadata"]["component"]["version"] == __version__
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
