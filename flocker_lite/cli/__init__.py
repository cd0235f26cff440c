"""`flockerctl`: the hand on the system, for whom curl is too long."""
