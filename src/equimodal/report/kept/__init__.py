"""What the page needs besides results.json, kept in the folder."""
