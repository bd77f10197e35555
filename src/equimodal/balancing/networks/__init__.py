"""Networks beside the model: those that are trained with it, and teachers that are not."""
