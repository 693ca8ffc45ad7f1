# What continuous integration runs, in short words.

# Everything that needs no server: format, lints, tests, documentation.
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo test --locked
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# The whole job on this machine.
demo:
    cargo run --locked --release -- demo

# What may come into the build.
deny:
    cargo deny check licenses bans sources

# Speed, with BLAKE3 beside it.
bench:
    cargo bench --locked
