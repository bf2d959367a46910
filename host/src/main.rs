//! The `mote` command. See `mote --help`.

fn main() -> std::process::ExitCode {
    mote_host::run()
}
