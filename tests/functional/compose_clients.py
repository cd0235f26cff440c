"""What a client of each application does: it leaves a word there, and finds it again.

Both are done at the address of any node: external ports lead to the application from each.
"""

from __future__ import annotations

import imaplib
import json
import smtplib
import socket
import ssl
import xmlrpc.client
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from admin.hosts import Node

ANSWER_SECONDS = 10.0
UNANSWERED = (
    OSError,
    ValueError,
    HTTPException,
    xmlrpc.client.Error,
    imaplib.IMAP4.error,
    smtplib.SMTPException,
)
"""How an application that is not there yet shows itself."""
PASSWORD = "hunter2"


def page(url: str, body: bytes | None = None, method: str | None = None, **headers: str) -> str:
    """What a web server answers; OSError when that is an error."""
    with urlopen(Request(url, body, headers, method=method), timeout=ANSWER_SECONDS) as answer:
        return answer.read().decode()


class Client(ABC):
    """A client of one application; `node` is where that runs now."""

    node: Node

    def prepare(self) -> None:  # noqa: B027
        """What an administrator does once it runs."""

    @abstractmethod
    def leave(self, address: str, word: str) -> None:
        """Have the application keep a word."""

    @abstractmethod
    def found(self, address: str, word: str) -> bool:
        """Whether it has it."""


class WordPress(Client):
    """Installed by its own form; then a post is written by XML-RPC, and shown on the first page."""

    def leave(self, address: str, word: str) -> None:
        site = f"http://{address}:8080"
        form = {
            "weblog_title": "A blog",
            "user_name": "author",
            "admin_password": PASSWORD,
            "admin_password2": PASSWORD,
            "pw_weak": "1",
            "admin_email": "author@example.org",
            "blog_public": "0",
        }
        said = page(f"{site}/wp-admin/install.php?step=2", urlencode(form).encode())
        if "Success!" not in said and "already installed" not in said:
            raise ValueError(said)
        proxy = xmlrpc.client.ServerProxy(f"{site}/xmlrpc.php")
        post = {"post_title": word, "post_content": word, "post_status": "publish"}
        proxy.wp.newPost(1, "author", PASSWORD, post)

    def found(self, address: str, word: str) -> bool:
        return word in page(f"http://{address}:8080/")


class Gitea(Client):
    """A repository whose name is in the database, and its content in files; and ssh answers."""

    def leave(self, address: str, word: str) -> None:
        page(f"http://{address}:3000/{word}", word.encode(), "PUT")

    def found(self, address: str, word: str) -> bool:
        with socket.create_connection((address, 222), ANSWER_SECONDS) as link:
            greeting = link.recv(100)
        listed = page(f"http://{address}:3000/").split()
        content = page(f"http://{address}:3000/{word}")
        return greeting.startswith(b"SSH-2.0") and word in listed and content == word


class Mosquitto(Client):
    """A message by TCP, and one by a datagram; both are retained."""

    def leave(self, address: str, word: str) -> None:
        self._run("mosquitto_pub", "-h", address, "-r", "-q", "1", "-t", "tcp", "-m", word)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thing:
            thing.sendto(f"udp {word}".encode(), (address, 10000))

    def found(self, address: str, word: str) -> bool:
        with socket.create_connection((address, 9001), ANSWER_SECONDS):
            pass
        return all(
            self._run("mosquitto_sub", "-h", address, "-C", "1", "-W", "2", "-t", topic) == word
            for topic in ("tcp", "udp")
        )

    def _run(self, *words: str) -> str:
        """The broker's own clients, in its container, by the address of a node."""
        argv = ["docker", "exec", "flocker--it-broker", *words]
        return self.node.run(argv, check=False).stdout.strip()


class RabbitMQ(Client):
    """A persistent message in a durable queue; and the port of AMQP answers."""

    def leave(self, address: str, word: str) -> None:
        self._ask(address, "queues/%2F/kept", "PUT", {"durable": True})
        message = {
            "properties": {"delivery_mode": 2},
            "routing_key": "kept",
            "payload": word,
            "payload_encoding": "string",
        }
        said = self._ask(address, "exchanges/%2F/amq.default/publish", "POST", message)
        if not said["routed"]:
            raise ValueError(said)

    def found(self, address: str, word: str) -> bool:
        with socket.create_connection((address, 5672), ANSWER_SECONDS) as link:
            link.sendall(b"AMQP\0\0\x09\x01")
            if not link.recv(1):
                return False
        how = {"count": 5, "ackmode": "ack_requeue_true", "encoding": "auto"}
        found = self._ask(address, "queues/%2F/kept/get", "POST", how)
        return word in [each["payload"] for each in found]

    def _ask(self, address: str, path: str, method: str, body: Mapping[str, Any]) -> Any:
        login = b64encode(b"guest:guest").decode()
        text = page(
            f"http://{address}:15672/api/{path}",
            json.dumps(body).encode(),
            method,
            Authorization=f"Basic {login}",
        )
        return json.loads(text or "null")


class Django(Client):
    """An order that the site hands to the worker, which writes it into the database."""

    def leave(self, address: str, word: str) -> None:
        page(f"http://{address}:8000/orders", word.encode())

    def found(self, address: str, word: str) -> bool:
        return word in page(f"http://{address}:8000/orders").split()


class Nginx(Client):
    """Its page, as it is on the node; there is nothing to leave."""

    def leave(self, address: str, word: str) -> None:
        """It has no data."""

    def found(self, address: str, word: str) -> bool:
        return "from a file of the node" in page(f"http://{address}/")


class Mongo(Client):
    """A document that most members take; all of them know each other by their names."""

    ports = (27017, 27018, 27019)

    def leave(self, address: str, word: str) -> None:
        self._require_members(address)
        said = self._ask(address, self.ports[0], {"do": "insert", "document": word})
        if "error" in said:
            raise ValueError(said)

    def found(self, address: str, word: str) -> bool:
        self._require_members(address)
        return all(word in self._ask(address, port, {"do": "find"}) for port in self.ports)

    def _require_members(self, address: str) -> None:
        for port in self.ports:
            said = self._ask(address, port, {"do": "status"})
            if list(said.values()) != [True] * len(self.ports):
                raise ValueError(said)

    def _ask(self, address: str, port: int, request: Mapping[str, Any]) -> Any:
        with socket.create_connection((address, port), ANSWER_SECONDS) as link:
            link.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(link.makefile().readline())


class Mail(Client):
    """A letter by SMTP from anybody, read by IMAP by whom it is for."""

    user = "user@example.org"

    def prepare(self) -> None:
        setup = ["setup", "email", "add", self.user, PASSWORD]
        self.node.run(["docker", "exec", "flocker--mail", *setup])

    def leave(self, address: str, word: str) -> None:
        with smtplib.SMTP(address, 25, timeout=ANSWER_SECONDS) as link:
            link.sendmail("other@example.net", [self.user], f"Subject: {word}\r\n\r\n{word}\r\n")

    def found(self, address: str, word: str) -> bool:
        context = ssl._create_unverified_context()
        with imaplib.IMAP4_SSL(address, 993, ssl_context=context, timeout=ANSWER_SECONDS):
            pass
        with imaplib.IMAP4(address, 143, timeout=ANSWER_SECONDS) as link:
            link.starttls(context)
            link.login(self.user, PASSWORD)
            link.select(readonly=True)
            _, (numbers,) = link.search(None, "SUBJECT", word)
            return bool(numbers)


@dataclass(frozen=True)
class Application:
    """How one Compose file is tried: its client, its jobs, and what stays on the other node."""

    client: type[Client]
    jobs: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


APPLICATIONS: Mapping[str, Application] = {
    "wordpress.yml": Application(WordPress),
    "gitea.yml": Application(Gitea),
    "mosquitto.yml": Application(Mosquitto),
    "rabbitmq.yml": Application(RabbitMQ),
    "django.yml": Application(Django, jobs=("migrate",)),
    "nginx.yml": Application(Nginx),
    "mongo.yml": Application(Mongo, jobs=("initiate",), elsewhere=("mongo2",)),
    "mail.yml": Application(Mail),
}
