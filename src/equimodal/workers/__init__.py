"""Processes that work on parts of a job and may die."""
