//! What to submit a run in parts with: a command of HyperQueue, a script for Slurm. Nothing is submitted here.

/// An engine of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// HyperQueue: a command
    Hq,
    /// Slurm: a script for sbatch
    Slurm,
}

/// The text to submit `command`, which does the part that the engine names, `parts` times on so many threads and bytes
/// each.
pub fn text(engine: Engine, parts: usize, threads: usize, bytes: f64, command: &str) -> String {
    let last = parts - 1;
    match engine {
        // No file of a task that is done; of one that failed, what it said.
        Engine::Hq => format!(
            "hq submit --name=mote --array=0-{last} --cpus={threads} --stdout=none --stderr=:rm-if-finished -- {command}"
        ),
        Engine::Slurm => format!(
            "#!/bin/sh
#SBATCH --job-name=mote
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={threads}
#SBATCH --mem={}M
#SBATCH --requeue
# Add what your centre asks for, such as --time, --partition and --account.
exec {command}",
            megabytes(bytes)
        ),
    }
}

/// Memory to ask for: that of the cells with some room, in whole steps.
fn megabytes(bytes: f64) -> u64 {
    /// What the program takes beside its cells.
    const PROGRAM: f64 = 256e6;
    const STEP: u64 = 256;
    ((PROGRAM + 1.5 * bytes) / 1e6 / STEP as f64).ceil() as u64 * STEP
}

/// A command line as it was given, without the option that asked for this text.
pub fn without_print_job(args: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut is_value = false;
    args.filter(move |arg| {
        let (was_value, is_option) = (is_value, arg == "--print-job");
        is_value = is_option;
        !(was_value || is_option || arg.starts_with("--print-job="))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_what_was_given() {
        let of = |args: &[&str]| without_print_job(args.iter().map(|arg| arg.to_string())).collect::<Vec<_>>();
        let kept = ["phase", "--task", "/3", "--out", "x"];
        assert_eq!(of(&["phase", "--print-job", "hq", "--task", "/3", "--out", "x"]), kept);
        assert_eq!(of(&["phase", "--task", "/3", "--print-job=slurm", "--out", "x"]), kept);
    }

    #[test]
    fn memory_is_asked_for_in_whole_steps() {
        assert_eq!([0.0, 1e6, 1e9].map(megabytes), [256, 512, 1792]);
    }
}
