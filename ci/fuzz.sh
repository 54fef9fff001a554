#!/usr/bin/env bash
# Runs each fuzz target of the module for the time given, one after another:
# go test fuzzes one target at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${1:-10s}

# Lines of "folder target".
targets=$(grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sed -E 's|/[^/]*:func | |' | sort -u)
if [[ -z $targets ]]; then
	echo 'no fuzz targets found' >&2
	exit 1
fi
while read -r dir name; do
	echo "== $dir $name"
	go test -run='^$' -fuzz="^$name\$" -fuzztime="$fuzztime" "$dir" < /dev/null
done <<< "$targets"
