"""Texts as tokens: pieces learned on training texts, and those of a pretrained model."""
