"""Columns of every day, numbers and categories, as one modality."""
