"""Makes the picture of a move from what a terminal showed."""
