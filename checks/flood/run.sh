#!/bin/sh
# Floods BINARY with items, some of them enormous, endless or bombs, and checks that its memory stays bounded and
# everything else is dealt with:
#   run.sh BINARY [--items N]
# Needs Python 3. Everything happens on loopback and in a folder that is removed unless something fails.
# Ends with 0 if all is as it should be.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-python3}" "$here/flood.py" "$@"
