"""What a comparison is made of: rows, plan, runs in processes, results and their statistics."""
