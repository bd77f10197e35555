"""What is done to gradients and to the optimizer's updates, and the optimizers themselves."""
