"""Odd inputs for everything that reads a user's: see run.py."""
