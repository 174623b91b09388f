"""Template tags and filters: `{% load console %}`. What each takes is in templates/components/README.md."""
