"""Decoded rows on disk, and as a data source."""
