"""How much a sentence on training in general, or a unit of its interval, takes."""

ENOUGH_SEEDS, ENOUGH_UNITS = 3, 10
"""Seeds of both rows, and units on which they differ, that a sentence on a method takes."""
ENOUGH_GROUPS = 20
"""Groups of a split from which on they are its units; fewer cannot stand for others."""
