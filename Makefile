# The commands of this project. `make run` and `make test` need nothing but rustup (and, for tests of the console and for
# making it small, Node): what else is missing is installed or named by scripts/setup.sh.

.DEFAULT_GOAL := help
.PHONY: help run test check bench web shots

# CI builds exactly what Cargo.lock says; at a desk, a new dependency may still be written into it.
LOCKED := $(if $(CI),--locked)
# What `make run` builds with: `make run PROFILE=release` for a server that has to be fast.
PROFILE ?= dev
# Handed to the server or to the benchmark: make bench ARGS="--help"
ARGS ?=

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# The development profile, because the first start is what a newcomer waits for: it builds much faster than the
# release profile and shares its work with `make test` and `make check`; what would be too slow without optimisation
# is named in Cargo.toml and optimised in it all the same. Who runs a fleet builds the release.
run: web ## set up, build and start the server on ./data; PROFILE=release makes it fast
	@scripts/setup.sh build
	cargo run $(LOCKED) --profile $(PROFILE) --bin workpoint -- serve $(ARGS)

# Every cargo command below takes the whole workspace, so that all of them choose the same features: with `-p` some
# dependencies would be built again. For the same reason warnings become errors through arguments and RUSTDOCFLAGS,
# never through RUSTFLAGS, which would throw away every compiled crate.
# Tests wait for phones, disks and databases most of the time: with two to a processor it has enough to do.
test: export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
test: web ## set up and run every test, on SQLite and on a PostgreSQL of their own
	@scripts/setup.sh test
	scripts/with-postgres.sh cargo test $(LOCKED) --workspace $(ARGS)

check: ## format, lints, documentation, tidiness, licences
	@scripts/setup.sh check
	cargo fmt --all --check
	cargo fmt --manifest-path web/pack/Cargo.toml --check
	cargo clippy $(LOCKED) --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc $(LOCKED) --workspace --no-deps --document-private-items
	cargo test $(LOCKED) --workspace --test tidy

# The server is measured as it is delivered, so its program is built too; PostgreSQL waits for the disk here.
bench: web ## measure the figures of docs/performance.md; ARGS="--help" lists them
	@scripts/setup.sh test
	cargo build $(LOCKED) --release --bin workpoint --bin bench
	scripts/with-postgres.sh --durable cargo run $(LOCKED) --release --bin bench -- $(ARGS)

web: ## build the console, when something of it changed
	@scripts/setup.sh build
	@scripts/web.sh

shots: web ## pictures of every page of the console, into target/shots; WORKPOINT_PAGES=clients,jobs takes these alone
	@scripts/setup.sh test
	WORKPOINT_SHOTS=1 cargo test $(LOCKED) --workspace --test console
