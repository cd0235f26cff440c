"""Routes connections to a container's port to the node that runs the container."""
