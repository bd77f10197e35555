"""What `benchmarks/field.py` is made of: sets, trials, training, what is kept, numbers, pages."""
