"""Measures of a trained model as pure functions of tensors."""
