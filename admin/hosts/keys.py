"""Makes the ssh keys of a lab."""

from pathlib import Path

from admin.hosts.processes import run


def make_key(path: Path) -> str:
    """Make a key pair without a passphrase; gives back the public half as one line of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path)])
    kind, key = path.with_suffix(".pub").read_text().split()[:2]
    return f"{kind} {key}\n"
