"""The control service: the configuration that users ask for, and the state that agents report."""
