"""The Django project: settings, URLs, health, and services for a machine that has none."""
