"""What a balancer and its method need, checked as early as it can be known."""
