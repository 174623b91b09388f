"""The entry point of a WSGI server: `gunicorn portal_admin.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal_admin.settings")
application = get_wsgi_application()
