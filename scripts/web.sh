#!/usr/bin/env bash
# Builds the console into web/dist/, where the server's build finds it. Does nothing when nothing changed.
#
#   scripts/web.sh            the console as it is delivered
#   QUICK=1 scripts/web.sh    compiled fast and large, for looking at one's own change
#
# Steps: the compiler makes a module for the browser, web/pack cuts it into pieces and binds it, wasm-opt makes them
# smaller, web/pack lists the licences and gives every file its last name. Needs rustup's target for WebAssembly
# (installed when it is missing), or on Debian the packages rustc-web, cargo-web and rust-web-src; and npm for wasm-opt,
# without which the console is larger.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

locked=()
[ -z "${CI:-}" ] || locked=(--locked)
target=wasm32-unknown-unknown
dist=web/dist
built=target/web

# Everything the result depends on; with the way it is built.
inputs() {
  {
    find web locales server/api server/domain -type f \
      -not -path '*/dist/*' -not -path '*/node_modules/*' -not -path '*/target/*' -print0
    printf '%s\0' Cargo.toml Cargo.lock CHANGELOG.md LICENSE scripts/web.sh
  } | sort -z | xargs -0 sha256sum
  rustc -V
  echo "quick=${QUICK:-} npm=$(command -v npm >/dev/null && echo yes || echo no)"
}
is_built() {
  stamp=$(inputs | sha256sum | cut -d' ' -f1)
  [ -f "$dist/.stamp" ] && [ "$(cat "$dist/.stamp")" = "$stamp" ]
}
if is_built; then exit 0; fi

# Two builds at a time would write into the same places. Who had to wait finds it done, perhaps.
mkdir -p "$built"
exec 9>"$built/.lock"
if command -v flock >/dev/null; then
  flock 9
  if is_built; then exit 0; fi
fi
echo "web: building the console"

quick=()
if [ -n "${QUICK:-}" ]; then
  quick=(CARGO_PROFILE_WEB_LTO=off CARGO_PROFILE_WEB_CODEGEN_UNITS=16 CARGO_PROFILE_WEB_OPT_LEVEL=1)
fi
build=(build "${locked[@]}" --package web --bin console --profile web --target "$target")
# Leptos then makes one type of all views instead of a type of each: a third less to load, and faster to compile.
# The linker keeps what the module is cut into pieces by.
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="--cfg=erase_components -Clink-arg=--emit-relocs"
sysroot=$(rustc --print sysroot)
if [ -d "$sysroot/lib/rustlib/$target" ] ||
  { command -v rustup >/dev/null && timeout 120 rustup target add "$target" >/dev/null 2>&1; }; then
  env "${quick[@]}" CARGO_TARGET_DIR=target/wasm cargo "${build[@]}"
  module=target/wasm/$target/web/console.wasm
elif [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && [ -d /usr/lib/rustlib/src ]; then
  # Debian's compiler with the standard library from its source, and the linker of rustup's toolchain. A directory of its
  # own: two compilers in one would rebuild each other's work.
  host=$(rustc -vV | sed -n 's/^host: //p')
  env "${quick[@]}" CARGO_TARGET_DIR=target/wasm-debian \
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$sysroot/lib/rustlib/$host/bin/rust-lld" \
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
    /usr/bin/cargo "${build[@]}" -Zbuild-std=std,panic_abort
  module=target/wasm-debian/$target/web/console.wasm
else
  echo "web: missing: the compiler's target for WebAssembly. Type:" >&2
  echo "  rustup target add $target" >&2
  echo "or, on Debian: sudo apt-get install --no-install-recommends rustc-web cargo-web rust-web-src" >&2
  exit 1
fi

CARGO_TARGET_DIR=target/pack cargo build "${locked[@]}" --quiet --release --manifest-path web/pack/Cargo.toml
pack=target/pack/release/pack

"$pack" bind "$module" "$built"

if [ -n "${QUICK:-}" ]; then
  :
elif command -v npm >/dev/null; then
  if [ ! -x web/node_modules/.bin/wasm-opt ] || [ web/package-lock.json -nt web/node_modules/.package-lock.json ]; then
    npm --prefix web ci --ignore-scripts --no-audit --no-fund --silent
  fi
  # Not --all-features: it writes compact imports, which browsers refuse.
  for piece in "$built"/pieces/*.wasm; do
    web/node_modules/.bin/wasm-opt -Oz --enable-bulk-memory --enable-reference-types --enable-sign-ext \
      --enable-mutable-globals --enable-nontrapping-float-to-int --enable-multivalue "$piece" -o "$piece"
  done
else
  echo "web: npm is missing, so the console is larger than it should be"
fi

cargo metadata "${locked[@]}" --format-version 1 >"$built/metadata.json"
"$pack" licences "$built/metadata.json" "$built"

fresh=$built/dist
rm -rf "$fresh"
mkdir -p "$fresh"
"$pack" assemble web "$built" "$fresh"
echo "$stamp" >"$fresh/.stamp"
cp "$dist/README.md" "$fresh/"
# A server that is being built meanwhile finds one or the other.
rm -rf "$built/former"
mv "$dist" "$built/former"
mv "$fresh" "$dist"
rm -rf "$built/former"
echo "web: $(cat "$dist"/index.html.br "$dist"/*.js.br "$dist"/app-*.wasm.br "$dist"/style-*.css.br | wc -c) bytes" \
  "compressed to begin with, $(cat "$dist"/*.wasm.br "$dist"/*.js.br | wc -c) with all pieces"
