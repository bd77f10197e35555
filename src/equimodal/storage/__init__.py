"""Whole-or-nothing files, locks on folders, and what is said where the disk refuses."""
