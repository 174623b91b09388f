"""How the demo's web server runs. The address is given on the command line."""

from typing import Any

from portal_admin.embedded.launch import die_with_parent

worker_class = "gthread"
workers = 2
threads = 4
timeout = 60
graceful_timeout = 2
control_socket_disable = True
loglevel = "warning"


def post_fork(server: Any, worker: Any) -> None:
    """In each new worker process: do not live on for a second after the server was killed."""
    die_with_parent()
