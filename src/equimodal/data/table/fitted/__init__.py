"""The columns of a table as training left them, and new rows read by them."""
