"""Encoders that learn in turn, and batches that are used for several updates."""
