"""In-memory implementations of the interfaces, their contracts, and a cluster on one Clock."""
