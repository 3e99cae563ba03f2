#!/usr/bin/env bash
# Makes sure that this machine can do what a make target needs, and changes nothing when it can.
#
#   scripts/setup.sh build    a Rust toolchain and a C compiler (SQLite and the TLS library are C)
#   scripts/setup.sh check    the same, and rustfmt, clippy, git
#   scripts/setup.sh test     the same as build, and git, PostgreSQL's server programs, npm and Chromium, the packages of
#                             the tests in the browser, and the storage servers of the tests: nginx with WebDAV, Apache,
#                             Caddy, and moto
#
# Where this runs as root on a system with apt-get, missing packages are installed. Everywhere else they are
# named together with the command to type, and the script fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose=${1:-build}
case $purpose in build | check | test) ;; *)
  echo "setup: unknown purpose '$purpose'; one of: build, check, test" >&2
  exit 2
  ;;
esac

# rustup puts its programs here and tells only new shells about it.
if ! command -v cargo >/dev/null; then
  if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    echo "setup: cargo is installed but not in PATH. Type:" >&2
    echo "  . \"${CARGO_HOME:-$HOME/.cargo}/env\"" >&2
  else
    echo "setup: missing: the Rust toolchain. Install rustup (see rustup.rs), then open a new shell." >&2
  fi
  exit 1
fi
if ! cargo --version >/dev/null; then
  echo "setup: cargo does not start; the toolchain that rust-toolchain.toml asks for is missing. Type:" >&2
  echo "  rustup toolchain install stable --profile minimal --component clippy --component rustfmt" >&2
  exit 1
fi

packages=()

# A compiler without the C library's headers is as useless as none, so a program is compiled.
compiles_c() {
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | cc -x c -o /dev/null - 2>/dev/null
}
compiles_c || packages+=(gcc libc6-dev)

# The console is compiled for the browser: with rustup's target, or, where rustup cannot download, with Debian's compiler
# and the source of its standard library. scripts/web.sh takes the first that is there.
if [ "$purpose" != check ]; then
  wasm=wasm32-unknown-unknown
  if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$wasm" ] && [ ! -d /usr/lib/rustlib/src ] &&
    ! { command -v rustup >/dev/null && timeout 120 rustup target add "$wasm" >/dev/null 2>&1; }; then
    packages+=(rustc-web cargo-web rust-web-src)
  fi
fi

if [ "$purpose" != build ]; then
  command -v git >/dev/null || packages+=(git)
fi
if [ "$purpose" = test ]; then
  scripts/find-postgres.sh >/dev/null || packages+=(postgresql)
  command -v npm >/dev/null || packages+=(npm)
  command -v chromium >/dev/null || packages+=(chromium)
  # nginx itself gives files and shows index pages; a module of its own makes it speak WebDAV.
  if { ! command -v nginx >/dev/null && [ ! -x /usr/sbin/nginx ]; } ||
    [ ! -f /usr/lib/nginx/modules/ngx_http_dav_ext_module.so ]; then
    packages+=(nginx libnginx-mod-http-dav-ext)
  fi
  # Apache's program and modules without Debian's service and configuration.
  [ -f /usr/lib/apache2/modules/mod_dav_fs.so ] || packages+=(apache2-bin)
  command -v caddy >/dev/null || packages+=(caddy)
  # moto, an S3 server in Python: one that is installed, or one in a directory of our own below target.
  venv=target/venv
  finds_moto() {
    command -v moto_server >/dev/null || [ -x "$venv/bin/moto_server" ]
  }
  finds_moto || python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
fi

# Debian's package creates a cluster "main" and starts it on port 5432 at once. The tests make their own and want
# no other server on the machine, so a drop-in that says "create none" lies in the packaging's directory while the
# package is installed, and only then: an administrator who installs PostgreSQL later gets Debian's behaviour.
# Clusters that exist already are not touched either way.
dropin=/etc/postgresql-common/createcluster.d/workpoint-no-main-cluster.conf

# Debian's nginx and Caddy start as services on port 80, at once and after each restart of the machine. The tests start
# their own, so services are not started while packages are installed, and those two are not enabled.
policy=/usr/sbin/policy-rc.d
own_policy=

install() {
  echo "setup: installing ${packages[*]}"
  local service services=()
  [ -x /usr/sbin/nginx ] || services+=(nginx)
  command -v caddy >/dev/null || services+=(caddy)
  [ -e "$policy" ] || own_policy=$policy
  trap 'rm -f "$dropin" $own_policy' EXIT
  if [ -n "$own_policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  if [[ " ${packages[*]} " == *" postgresql "* ]]; then
    mkdir -p "$(dirname "$dropin")"
    echo "create_main_cluster = false" >"$dropin"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null
  for service in "${services[@]}"; do
    if [[ " ${packages[*]} " == *" $service "* ]] && command -v systemctl >/dev/null; then
      systemctl disable --quiet "$service.service" || true
    fi
  done
  rm -f "$dropin" $own_policy
  trap - EXIT
}

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install
  elif command -v apt-get >/dev/null; then
    echo "setup: missing: ${packages[*]}. Type:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}" >&2
    exit 1
  else
    echo "setup: missing: ${packages[*]} (Debian's names). Install them with this system's package manager;" >&2
    echo "  for postgresql the programs initdb and postgres have to be in PATH." >&2
    exit 1
  fi
fi

if [ "$purpose" = check ]; then
  if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    if ! { command -v rustup >/dev/null && rustup component add clippy rustfmt; }; then
      echo "setup: missing: rustfmt or clippy. Type:" >&2
      echo "  rustup component add clippy rustfmt" >&2
      exit 1
    fi
  fi
fi

if [ "$purpose" = test ] && ! finds_moto; then
  echo "setup: installing moto into $venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]>=5.2,<6'
fi

# The journeys drive the system's Chromium; nothing is downloaded but these packages, and none runs a script.
if [ "$purpose" = test ]; then
  if ! command -v node >/dev/null || ! node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)'; then
    echo "setup: missing: Node 20 or newer (see nodejs.org); the tests of the console run in it." >&2
    exit 1
  fi
  lock=tests/browser/package-lock.json
  if [ ! -f tests/browser/node_modules/.package-lock.json ] ||
    [ "$lock" -nt tests/browser/node_modules/.package-lock.json ]; then
    npm --prefix tests/browser ci --ignore-scripts --no-audit --no-fund --silent
    touch tests/browser/node_modules/.package-lock.json
  fi
fi
