"""Hugging Face models as encoders."""
