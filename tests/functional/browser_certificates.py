"""A home directory whose browser has a user's certificate, by the file of `flocker-ca export`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from admin.hosts import Lab
from admin.hosts.certificates import FOLDER
from tests.functional.agents_lab import CHECKOUT


def home_of(lab: Lab, user: str, folder: Path) -> Path:
    """Have the browser of this home take the certificate, as a person does; returns the home."""
    authority = lab.plan.folder / FOLDER
    file = folder / f"{user}.p12"
    flocker_ca = [str(CHECKOUT / ".venv/bin/flocker-ca"), f"--directory={authority}"]
    said = _run(*flocker_ca, "export", f"user-{user}.crt", "--to", str(file))
    [password] = re.findall(r"its password is (\S+)", said)
    database = folder / ".pki/nssdb"
    database.mkdir(parents=True)
    there = ["-d", f"sql:{database}"]
    _run("certutil", *there, "-N", "--empty-password")
    trusted = ["-n", "cluster", "-t", "C,,", "-i", f"{authority}/cluster.crt"]
    _run("certutil", *there, "-A", *trusted)
    _run("pk12util", *there, "-i", str(file), "-W", password)
    file.unlink()
    return folder


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
