"""Docker's "inspect" of a container that we did not make, as fields of ours, area by area; pure.

Each area's function adds its fields to a draft, and what it cannot keep of the container. It is
the reverse of `flocker_lite.containers.arguments`. What the image says already is not repeated.
"""
