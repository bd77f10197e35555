"""Sounds that soundfile does not read."""
