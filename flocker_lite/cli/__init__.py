"""`flockerctl`, the command-line tool: the REST API without curl."""
