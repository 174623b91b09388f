#!/bin/sh
# Makes .venv with the locked requirements of a group, and the browser's assets: scripts/bootstrap.sh demo|test|dev
set -eu
cd "$(dirname "$0")/.."

suitable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

for python in .venv/bin/python python3.13 python3.12 python3.11 python3; do
    if suitable "$python"; then
        exec "$python" scripts/bootstrap.py "$@"
    fi
done
cat >&2 <<'EOT'
No Python 3.11 or later with its 'venv' and 'ensurepip' modules was found (tried python3.13, 3.12, 3.11, python3).
  Debian, Ubuntu:  apt install python3 python3-venv
  Fedora:          dnf install python3
  macOS:           brew install python
Then start again.
EOT
exit 1
