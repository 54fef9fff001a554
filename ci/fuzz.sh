#!/usr/bin/env bash
# Runs each fuzz target of the module for the time given, one after another:
# go test fuzzes one target at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${1:-10s}

grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do
	grep -ho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u | while read -r name; do
		echo "== $dir $name"
		go test -run='^$' -fuzz="^$name\$" -fuzztime="$fuzztime" "$dir" < /dev/null
	done
done
