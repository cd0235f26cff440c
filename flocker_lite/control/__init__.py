"""The control service: what the user wants, and what the agents see."""
