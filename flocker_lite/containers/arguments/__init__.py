"""The body of Docker's "create a container", area by area; pure.

Each area's function returns its part of the body, without the fields that are not set. So a new
field does not change the fingerprint of a container that does not use it.
"""
