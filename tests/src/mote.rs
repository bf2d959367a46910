//! The program `mote`, as tests run it.

fn main() -> std::process::ExitCode {
    mote_host::run()
}
