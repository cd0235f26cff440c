"""Makes the certificates of a lab with flocker-ca, as users do."""

from pathlib import Path

from admin.hosts.plan import CERTIFICATES, LabPlan
from admin.hosts.processes import run

FOLDER = "certificates"
USER = "user"
READ_ONLY_USER = "read-only-user"


def make_certificates(checkout: Path, plan: LabPlan) -> None:
    """The lab's authority, its two users, and for each node what it needs."""
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


def curl_options(plan: LabPlan, user: str = USER) -> str:
    """curl's options for a user's certificate and the authority; empty without certificates."""
    if not plan.certificates:
        return ""
    below = plan.folder / FOLDER
    own = f"{below}/user-{user}"
    return f"--cacert {below}/cluster.crt --cert {own}.crt --key {own}.key"
