"""The REST API as Python: `Client(contexts.current())` is all that a program needs.

    from flocker_lite.client import Client, contexts

    client = Client(contexts.current())
    for container in client.containers():
        print(container["name"], container["host"], container["running"])

Every method answers what the REST API answers, as dictionaries (docs/api.rst). Every error is a
`ClientError`.
"""

from flocker_lite.client.client import Client
from flocker_lite.client.errors import ClientError

__all__ = ["Client", "ClientError"]
