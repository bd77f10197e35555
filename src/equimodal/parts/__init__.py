"""A model's anatomy: encoders, their units and features."""
