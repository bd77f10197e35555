"""What binds a method to a training loop: the balancer, its stages, tasks and readouts."""
