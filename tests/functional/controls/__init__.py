"""Several control services under faults, and what their clients are told meanwhile."""
