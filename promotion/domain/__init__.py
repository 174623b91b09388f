"""What events are, in plain Python."""
