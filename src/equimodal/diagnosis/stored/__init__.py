"""Diagnosis of what a comparison or a run left on disk."""
