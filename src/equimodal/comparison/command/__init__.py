"""The `equimodal ...` command as text: its options, reading what was given, and writing it."""
