"""One converter a data set, from its official files to a table."""
