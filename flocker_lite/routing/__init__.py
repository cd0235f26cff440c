"""Leading traffic for a container's port to the node that runs it."""
