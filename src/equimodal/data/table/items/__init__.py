"""One cell of a table becomes an array."""
