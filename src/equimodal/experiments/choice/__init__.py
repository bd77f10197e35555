"""Choosing a method for a data set under a time budget: what the verdict suggests, tried."""
