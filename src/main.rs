//! The program `leakwarden`: everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    leakwarden::cli::run(std::env::args_os()).into()
}
