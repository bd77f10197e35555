"""What a video holds: its bytes, how its frames are turned, and when they are shown."""
