"""How both services log: the formats, the levels, and the request that a line belongs to."""
