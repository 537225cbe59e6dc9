#!/usr/bin/env bash
# Installs s3rver from npm, in the versions and with the checksums that the lock names, into a directory; nothing of it
# runs on installation. Does nothing where it is there already. Fails where npm or its registry cannot be reached.
#
#   tests/client/objects/s3rver/install.sh DIRECTORY
set -euo pipefail

readonly INSTALL_SECONDS_MAX=60
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${1:?usage: install.sh DIRECTORY}
mkdir -p "$target"
if cmp -s "$here/package-lock.json" "$target/installed.json"; then exit 0; fi
cp "$here/package.json" "$here/package-lock.json" "$target/"
timeout "$INSTALL_SECONDS_MAX" \
  npm --prefix "$target" --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=2000 ci \
  --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2
cp "$here/package-lock.json" "$target/installed.json"
