"""In-memory doors to the world, their contracts, and a cluster on one Clock."""
