"""Which forward pass of a model made an output, and what its encoders gave in it."""
