# What continuous integration runs, in short words.

# Everything that needs no server: format, lints, tests, documentation.
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo test --locked
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# All of continuous integration; installs by apt what the checks against real servers need.
ci:
    .ci/run

# The checks against real servers alone, or those named: `just servers git disk`.
servers *names:
    cargo build --locked
    for check in {{ if names == "" { "$(ls checks)" } else { names } }}; do \
        [ ! -x "checks/$check/run.sh" ] || "checks/$check/run.sh" "${CARGO_TARGET_DIR:-target}/debug/leakwarden" || exit 1; \
    done

# The whole job on this machine.
demo:
    cargo run --locked --release -- demo

# What may come into the build.
deny:
    cargo deny check licenses bans sources

# Speed, with BLAKE3 beside it.
bench:
    cargo bench --locked
