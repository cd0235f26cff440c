"""Random moves and random faults on a lab, for as long as one likes."""
