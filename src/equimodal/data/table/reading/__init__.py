"""What a table and its declaration say: rows, roles, kinds, splits."""
