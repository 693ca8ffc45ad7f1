#!/bin/sh
# Kills BINARY at random moments under load and checks that nothing was lost:
#   run.sh BINARY [--seed N] [--kills N] [--reads N]
# Needs Python 3 and git. Everything happens on loopback and in a folder that is removed unless something fails.
# Ends with 0 if all is as it should be. The seed is printed; the same seed makes the same plan.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-python3}" "$here/crash.py" "$@"
