"""What results.json says, read for tables, charts and sentences."""
