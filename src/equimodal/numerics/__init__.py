"""Numerics shared by several methods."""
