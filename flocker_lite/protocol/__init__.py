"""The AMP protocol between the control service and the agents."""
