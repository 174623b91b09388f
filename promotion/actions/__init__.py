"""What people and workers do, one verb a module."""
