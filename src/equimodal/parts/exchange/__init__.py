"""Exchange of features between branches."""
