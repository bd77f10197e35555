"""What is wrong with a table, found and told."""
