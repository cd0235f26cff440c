"""The story that the demo and the functional tests play: a container moves with its data."""
