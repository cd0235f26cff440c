"""Runs flocker-ca as users do, and so makes the certificates of a lab."""

import shutil
from pathlib import Path

from admin.hosts.plan import CERTIFICATES, ETCD_CERTIFICATES, LabPlan
from admin.hosts.processes import run

FOLDER = "certificates"
USER = "user"
READ_ONLY_USER = "read-only-user"


def make_certificates(checkout: Path, plan: LabPlan) -> None:
    """Make the lab's authority, two users, and the files of each node."""
    authority = plan.folder / FOLDER
    program = str(checkout / ".venv/bin/flocker-ca")

    def flocker_ca(*words: str) -> None:
        run([program, f"--directory={authority}", *words])

    flocker_ca("initialize", plan.name)
    flocker_ca("create-user", USER)
    flocker_ca("create-user", READ_ONLY_USER, "--read-only")
    for node in plan.nodes:
        if node.role == "registry":
            continue
        below = plan.folder / "nodes" / node.name / CERTIFICATES.lstrip("/")
        if node.role == "control":
            hosts = (node.name, node.address, node.address6)
            flocker_ca("create-control", *hosts, f"--to={below}")
        else:
            flocker_ca("create-node", f"--to={below}", f"--address={node.address}")


def make_etcd_certificates(checkout: Path, plan: LabPlan) -> None:
    """Make the authority of the lab's etcd, and the files of each of its members."""
    authority = plan.folder / FOLDER
    program = str(checkout / ".venv/bin/flocker-ca")
    for node in plan.controls:
        hosts = (node.address, node.address6, node.name)
        run([program, f"--directory={authority}", "create-etcd", *hosts])
        below = plan.folder / "nodes" / node.name / ETCD_CERTIFICATES.lstrip("/")
        below.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(authority / "etcd" / node.address, below)


def curl_options(plan: LabPlan, user: str = USER) -> str:
    """The options that give curl a user's certificate; empty when the lab has no certificates."""
    if not plan.certificates:
        return ""
    below = plan.folder / FOLDER
    own = f"{below}/user-{user}"
    return f"--cacert {below}/cluster.crt --cert {own}.crt --key {own}.key"
