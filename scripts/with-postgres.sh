#!/usr/bin/env bash
# Runs a command beside a PostgreSQL server of its own.
#
#   scripts/with-postgres.sh [--durable] COMMAND [ARGUMENT...]
#
# The server has a fresh cluster in a temporary directory, a free port of 127.0.0.1, a socket in that directory and
# a random password; no database that exists on this machine is touched. COMMAND finds it through
#   WORKPOINT_TEST_POSTGRES=postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres
# and may create and drop databases as it likes. At the end, however it comes, server and directory are gone; the
# exit status is COMMAND's. As root the server runs as `nobody`, since PostgreSQL refuses to run as root.
#
# Without --durable nothing waits for the disk: right for tests, wrong for figures, so `make bench` asks for it.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

durable=off
if [ "${1:-}" = --durable ]; then
  durable=on
  shift
fi
if [ $# -eq 0 ]; then
  echo "usage: with-postgres.sh [--durable] COMMAND [ARGUMENT...]" >&2
  exit 2
fi
if ! programs=$("$scripts/find-postgres.sh"); then
  echo "with-postgres: no PostgreSQL server programs (initdb, postgres) found; scripts/setup.sh test gets them" >&2
  exit 1
fi

# A socket's path may have 107 bytes, so a long TMPDIR is not used.
parent=${TMPDIR:-/tmp}
[ ${#parent} -le 60 ] || parent=/tmp
directory=$(mktemp -d "$parent/workpoint-postgres.XXXXXXXX")
server=
command=

# setpriv ends the server when this script is killed without a chance to clean up; setsid keeps a Ctrl-C at the
# terminal from the server while the command is still closing its connections.
as_server=()
if command -v setpriv >/dev/null && command -v setsid >/dev/null; then
  as_server=(setsid setpriv --pdeathsig INT)
  [ "$(id -u)" != 0 ] || as_server+=(--reuid nobody --regid "$(id -g nobody)" --clear-groups)
elif [ "$(id -u)" = 0 ]; then
  as_server=(runuser -u nobody --)
fi

finish() {
  status=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [ -n "$command" ]; then
    kill -TERM -- "-$command" 2>/dev/null || true
    wait "$command" 2>/dev/null || true
  fi
  if [ -n "$server" ]; then
    # QUIT is PostgreSQL's "at once": nothing of this cluster is kept.
    kill -QUIT "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$directory"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "$password" >"$directory/password"
[ "$(id -u)" != 0 ] || chown -R "nobody:$(id -g nobody)" "$directory"
cd "$directory"

# Text sorts by bytes and in UTF-8 whatever the machine's language. The password goes over the loopback interface
# as it is: a scheme that hashes thousands of times would cost an unoptimised test more than its work.
if ! "${as_server[@]}" "$programs/initdb" --pgdata="$directory/data" --username=postgres --auth=password \
  --pwfile="$directory/password" --encoding=UTF8 --locale=C --no-sync >"$directory/initdb.log" 2>&1 </dev/null; then
  echo "with-postgres: initdb failed:" >&2
  cat "$directory/initdb.log" >&2
  exit 1
fi
rm -f "$directory/password"

# The server itself claims the port, so two of these scripts cannot take the same one; the range lies below the one
# that the system gives to outgoing connections.
start() {
  port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
  "${as_server[@]}" "$programs/postgres" -D "$directory/data" -p "$port" -k "$directory" \
    -c listen_addresses=127.0.0.1 -c max_connections=400 -c shared_buffers=128MB -c timezone=UTC \
    -c wal_level=minimal -c max_wal_senders=0 -c log_timezone=UTC \
    -c "fsync=$durable" -c "synchronous_commit=$durable" -c "full_page_writes=$durable" \
    >"$directory/server.log" 2>&1 </dev/null &
  server=$!
  for _ in $(seq 600); do
    # Asked over the socket: only our own server can answer there.
    if "$programs/pg_isready" -q -h "$directory" -p "$port"; then return 0; fi
    if ! kill -0 "$server" 2>/dev/null; then
      wait "$server" || true
      server=
      return 1
    fi
    sleep 0.1
  done
  return 1
}
started=no
for _ in 1 2 3 4 5 6 7 8; do
  if start; then
    started=yes
    break
  fi
  grep -q 'Address already in use' "$directory/server.log" || break
done
if [ "$started" = no ]; then
  echo "with-postgres: the server does not start:" >&2
  cat "$directory/server.log" >&2
  exit 1
fi
cd "$OLDPWD"

export WORKPOINT_TEST_POSTGRES="postgres://postgres:$password@127.0.0.1:$port/postgres"
if [ -t 0 ]; then
  # At a terminal the command may want to read, and a Ctrl-C reaches it directly.
  "$@"
else
  # Elsewhere a signal reaches only this script, which passes it on to everything that the command has started.
  set -m
  "$@" <&0 &
  command=$!
  set +m
  status=0
  wait "$command" || status=$?
  command=
  exit "$status"
fi
