"""Applications: what a Compose file says, translated into containers and datasets; pure."""
