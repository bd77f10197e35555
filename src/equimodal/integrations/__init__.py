"""Adapters to the trainers of other packages, one module each; nothing is imported here."""
