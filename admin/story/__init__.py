"""The story that the demo plays and that the functional tests hold: a container moves with data."""
