#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prints the time of the sources, in seconds since 1970: SOURCE_DATE_EPOCH, or the time of the last commit, or that of
# CHANGELOG.md where there is no repository. What is made from the sources carries it, so that it is the same each time.
set -euo pipefail
cd "$(dirname "$0")/.."
epoch=${SOURCE_DATE_EPOCH:-}
if [ -z "$epoch" ] && [ -e .git ]; then
    epoch=$(git log -1 --format=%ct 2>/dev/null || true)
fi
echo "${epoch:-$(date -r CHANGELOG.md +%s)}"
