"""What the demo shows: a believable portal, its people, its environments."""
