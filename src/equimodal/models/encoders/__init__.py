"""Encoders by kind and by name."""
