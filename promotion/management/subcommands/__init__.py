"""The parts of `manage.py promotion`."""
