#!/usr/bin/env bash
# Prints the directory that holds PostgreSQL's server programs; ends with 1 when there is none.
# Debian keeps them out of PATH, one directory per major version: the newest is taken.
set -euo pipefail

if server=$(command -v postgres) && command -v initdb >/dev/null; then
  dirname "$(readlink -f "$server")"
  exit 0
fi

newest=$(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -V | while read -r directory; do
  if [ -x "$directory/postgres" ] && [ -x "$directory/initdb" ]; then echo "$directory"; fi
done | tail -n 1)
[ -n "$newest" ] || exit 1
echo "$newest"
