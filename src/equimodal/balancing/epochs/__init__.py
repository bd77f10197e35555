"""The ends of an epoch: what a method may see there of whole splits."""
