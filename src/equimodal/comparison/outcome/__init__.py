"""What the runs of a comparison found: predictions, differences with their interval, summary."""
