"""`flocker-ca`: makes a cluster's authority, and the certificates of its services and users."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO
from uuid import UUID, uuid4

from cryptography import x509

from flocker_lite import __version__
from flocker_lite.ca import browser_file, etcd
from flocker_lite.ca.certificate_facts import claims_of, day, expiry_warning, facts_of
from flocker_lite.ca.claims import CertificateError, Claims, Kind
from flocker_lite.ca.directory import KEY_SUFFIX, Directory
from flocker_lite.ca.revoked import FILE_NAME

RENEWAL_DAYS = 90
"""Without arguments, `renew` renews the certificates that expire within this many days."""

_WHAT_TO_DO = {
    Kind.CLUSTER: "keep {key} where nobody else can read it; copy {crt} to every machine",
    Kind.CONTROL: "copy {what} to the control service's machine",
    Kind.NODE: "copy {what} to that node",
    Kind.USER: "give {what} to the user",
    Kind.READER: "give {what} to the user, who can read and not change",
    Kind.SECRETS_READER: "give {what} to the user, who can read all and not change",
}


def main(arguments: Sequence[str], stdout: TextIO, stderr: TextIO, now: datetime) -> int:
    """Run a command line; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        stdout.write(_done(options, Directory(options.directory), now))
    except CertificateError as error:
        stderr.write(f"flocker-ca {options.command}: {error}\n")
        return 1
    return 0


def run() -> int:
    """Entry point of the command."""
    return main(sys.argv[1:], sys.stdout, sys.stderr, datetime.now(UTC))


def _done(options: argparse.Namespace, directory: Directory, now: datetime) -> str:
    match options.command:
        case "initialize":
            path = directory.initialize(options.cluster, str(uuid4()), now)
            return _made(path, directory, None)
        case "create-control":
            hosts = tuple(options.hostname)
            path = directory.create(Kind.CONTROL, hosts[0], now, hosts, options.to)
        case "create-node":
            name = str(options.uuid or uuid4())
            path = directory.create(Kind.NODE, name, now, (), options.to, options.address)
        case "create-user":
            path = directory.create(_user_kind(options), options.name, now, (), options.to)
        case "create-etcd":
            folder = etcd.create(options.directory, tuple(options.hostname), now)
            return f"made {folder}\ncopy it to that machine, for etcd and flocker-control\n"
        case "renew":
            return _renewed(directory, options.file, now)
        case "export":
            return _exported(directory, options.file, options.to)
        case "revoke":
            return _revoked(directory, options.file, now)
        case _:
            return _listed(directory, now)
    return _made(path, directory, options.to)


def _user_kind(options: argparse.Namespace) -> Kind:
    if options.secrets and not options.read_only:
        raise CertificateError("a user who may write sees secrets anyway: leave --secrets out")
    if options.secrets:
        return Kind.SECRETS_READER
    return Kind.READER if options.read_only else Kind.USER


def _made(path: Path, directory: Directory, to: Path | None) -> str:
    kind = next(claims_of(found).kind for file, found in directory.certificates() if file == path)
    key = path.with_suffix(KEY_SUFFIX)
    what = f"{path.name}, {key.name} and cluster.crt" if to is None else f"the files in {to}"
    advice = _WHAT_TO_DO[kind].format(crt=path.name, key=key.name, what=what)
    return f"made {path} and {key}\n{advice}\n"


def _renewed(directory: Directory, files: Sequence[Path], now: datetime) -> str:
    soon = now + timedelta(days=RENEWAL_DAYS)
    chosen = files or [
        path
        for path, certificate in _authority_first(directory)
        if certificate.not_valid_after_utc < soon
    ]
    if not chosen:
        return f"nothing expires within {RENEWAL_DAYS} days\n"
    lines = [f"renewed {directory.renew(path, now)}" for path in chosen]
    return "\n".join([*lines, "copy the renewed files to where they are used; the keys stay\n"])


def _exported(directory: Directory, file: Path, to: Path | None) -> str:
    found = {path.name: (path, certificate) for path, certificate in directory.certificates()}
    if file.name not in found:
        raise CertificateError(f"{file} is none of the certificates here: flocker-ca list")
    [authority] = [each for _, each in found.values() if claims_of(each).kind is Kind.CLUSTER]
    target, password = browser_file.export(*found[file.name], authority, to)
    return (
        f"made {target}\nits password is {password}\n"
        "import it into the browser as your certificate, and delete the file then\n"
    )


def _revoked(directory: Directory, files: Sequence[Path], now: datetime) -> str:
    lines = [f"revoked {path}, and moved it to {directory.revoke(path, now)}" for path in files]
    advice = f"copy {FILE_NAME} to the control service's machine, beside cluster.crt\n"
    return "\n".join([*lines, advice])


def _authority_first(directory: Directory) -> list[tuple[Path, x509.Certificate]]:
    """The authority's certificate first: those that it signs cannot outlive it."""
    return sorted(
        directory.certificates(), key=lambda found: claims_of(found[1]).kind is not Kind.CLUSTER
    )


def _listed(directory: Directory, now: datetime) -> str:
    rows = [("FILE", "FOR", "EXPIRES", "")]
    for path, certificate in directory.certificates():
        facts = facts_of(certificate)
        rows.append(
            (
                path.name,
                _who(facts.claims, directory.address_of(path)),
                day(facts.ends_at),
                _warning(facts.ends_at, now),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ("  ".join([*map(str.ljust, row, widths), row[3]]).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _who(claims: Claims, address: str | None) -> str:
    where = f" ({claims.cluster_id})" if claims.kind is Kind.CLUSTER else ""
    return f"{claims}{where}" if address is None else f"{claims} at {address}"


def _warning(ends_at: datetime, now: datetime) -> str:
    said = expiry_warning(ends_at, now)
    return "" if said is None else f"{said}: flocker-ca renew"


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flocker-ca", description=__doc__)
    parser.add_argument("--version", action="version", version=f"flocker_lite {__version__}")
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(),
        help="Where the authority keeps its files (the current directory).",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    def creating(name: str, text: str) -> argparse.ArgumentParser:
        made = command(name, text)
        made.add_argument(
            "--to",
            metavar="NEW_DIRECTORY",
            type=Path,
            help="Copy all that its owner needs there.",
        )
        return made

    initialize = command("initialize", "Make the authority of a new cluster.")
    initialize.add_argument("cluster", metavar="CLUSTER", help="A name for people.")
    control = creating("create-control", "Make the certificate of a control service.")
    _takes_hosts(control, "its users call it")
    member = command("create-etcd", "Make the certificates of etcd on a control service's machine.")
    _takes_hosts(member, "the other machines call it")
    node = creating("create-node", "Make the certificate of a node.")
    node.add_argument(
        "--uuid",
        type=UUID,
        help="The UUID of an existing node (GET /v1/state/nodes); else flocker-ca makes a new one.",
    )
    node.add_argument(
        "--address",
        help="The node's address, for people: `list` shows it. It is not in the certificate.",
    )
    user = creating("create-user", "Make the certificate of a user of the REST API.")
    user.add_argument("name", metavar="NAME")
    user.add_argument("--read-only", action="store_true", help="The user may change nothing.")
    user.add_argument(
        "--secrets",
        action="store_true",
        help="With --read-only: the user sees variables, command lines and output of containers.",
    )
    renew = command(
        "renew",
        f"Renew certificates: the named ones, or all that expire within {RENEWAL_DAYS} days.",
    )
    renew.add_argument("file", metavar="FILE", nargs="*", type=Path)
    export = command("export", "Make a .p12 file of a user's certificate, for a browser.")
    export.add_argument("file", metavar="FILE", type=Path, help="Such as user-alice.crt.")
    export.add_argument("--to", metavar="NEW_FILE", type=Path, help="Where; beside it by default.")
    revoke = command("revoke", "Revoke certificates before they expire.")
    revoke.add_argument("file", metavar="FILE", nargs="+", type=Path)
    command("list", "Show every certificate, its owner, and when it expires.")
    return parser


def _takes_hosts(parser: argparse.ArgumentParser, who_calls: str) -> None:
    text = f"A host name or an IP address by which {who_calls}."
    parser.add_argument("hostname", metavar="HOSTNAME", nargs="+", help=text)
