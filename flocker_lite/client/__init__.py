"""The REST API from Python: start with `Client(contexts.current())`.

    from flocker_lite.client import Client, contexts

    client = Client(contexts.current())
    for container in client.containers():
        print(container["name"], container["host"], container["running"])

Every method returns the JSON of the REST API as dictionaries and lists (docs/api.rst). Every error
is a `ClientError`.
"""

from flocker_lite.client.client import Client
from flocker_lite.client.errors import ClientError

__all__ = ["Client", "ClientError"]
