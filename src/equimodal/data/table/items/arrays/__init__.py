"""Arrays in files of other programs."""
