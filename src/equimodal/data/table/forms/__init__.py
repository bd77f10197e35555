"""Tables that are no CSV."""
