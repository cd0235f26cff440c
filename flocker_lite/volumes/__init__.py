"""Docker's volume plugin: what Docker asks, what becomes of it, and the server on its socket."""
