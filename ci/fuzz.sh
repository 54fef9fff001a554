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
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while read -r dir name; do
	echo "== $dir $name"
	if go test -run='^$' -fuzz="^$name\$" -fuzztime="$fuzztime" "$dir" < /dev/null 2>&1 | tee "$log"; then
		continue
	fi
	# When the time is over in a bad moment, go test reports its own deadline as a
	# failure (golang/go#75804). A real one names the input that it wrote down.
	if grep -q '^ *context deadline exceeded$' "$log" && ! grep -q 'Failing input' "$log"; then
		echo "== $dir $name: the time was over, nothing was found"
		continue
	fi
	exit 1
done <<< "$targets"
