//! Work on threads: a queue in order, one taker of results, an end at the first error or when told to stop.

use crate::base::error::InputError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

/// How many threads work on so many pieces: as many as asked for, else one per core, and none without a piece.
///
/// # Errors
///
/// [`InputError`] if none are asked for.
pub fn threads(asked: Option<usize>, pieces: usize) -> Result<usize, InputError> {
    let threads = match asked {
        Some(0) => return Err(InputError::option("threads", "expected at least 1, found 0")),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    Ok(threads.min(pieces))
}

/// Does the work of every piece on one of some threads, in the order of `pieces`, and hands each result to `add` on this
/// thread, as they come. Once `interrupted` is raised, no more pieces are begun, and those under way may end with an error:
/// that is none of the run. The caller knows from its results whether all are done.
///
/// # Errors
///
/// The first error of `one` or `add`. After it nothing is added: a torn line must stay the last one.
pub fn run<P: Sync, R: Send>(
    pieces: &[P],
    threads: usize,
    interrupted: &AtomicBool,
    one: impl Fn(&P) -> anyhow::Result<R> + Sync,
    mut add: impl FnMut(R) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = sync_channel::<anyhow::Result<R>>(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, stop, one) = (sender.clone(), &next, &stop, &one);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) && !interrupted.load(Ordering::Relaxed) {
                    // A queue in order, so that the most expensive pieces start first.
                    let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    if sender.send(one(piece)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut result = Ok(());
        for found in receiver {
            let added = match found {
                Ok(found) if result.is_ok() => add(found),
                Ok(_) => Ok(()),
                // The pieces under way end at once, and are done anew another time.
                Err(_) if interrupted.load(Ordering::Relaxed) => Ok(()),
                Err(error) => Err(error),
            };
            match added {
                Ok(()) => {}
                Err(error) => {
                    // The other pieces under way end, unsaved; the first error is the one to tell.
                    stop.store(true, Ordering::Relaxed);
                    result = result.and(Err(error));
                }
            }
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    static CALM: AtomicBool = AtomicBool::new(false);

    #[test]
    fn every_piece_is_done_once_whatever_the_threads() {
        let pieces: Vec<u32> = (0..100).collect();
        for threads in [1, 3, 8] {
            let mut found = Vec::new();
            run(
                &pieces,
                threads,
                &CALM,
                |piece| Ok(piece * 2),
                |twice| {
                    found.push(twice);
                    Ok(())
                },
            )
            .unwrap();
            assert!(threads > 1 || found.is_sorted(), "one thread keeps the order");
            found.sort_unstable();
            assert_eq!(found, pieces.iter().map(|piece| piece * 2).collect::<Vec<_>>());
        }
        assert_eq!((threads(Some(8), 3).unwrap(), threads(None, 0).unwrap()), (3, 0));
        assert_eq!(threads(Some(0), 3).unwrap_err().to_string(), "--threads: expected at least 1, found 0");
    }

    /// Whether work or taking fails, what comes later is not taken, and the first error is told.
    #[test]
    fn nothing_is_added_after_the_first_error() {
        let pieces: Vec<u32> = (0..50).collect();
        let mut found = Vec::new();
        let one = |piece: &u32| if *piece == 7 { bail!("piece {piece}") } else { Ok(*piece) };
        let error = run(&pieces, 1, &CALM, one, |piece| {
            found.push(piece);
            Ok(())
        })
        .unwrap_err();
        assert_eq!((error.to_string().as_str(), found), ("piece 7", (0..7).collect()));
        let mut taken = 0;
        let full = |piece: u32| {
            taken += 1;
            if piece == 3 { bail!("full") } else { Ok(()) }
        };
        assert_eq!(run(&pieces, 1, &CALM, |piece| Ok(*piece), full).unwrap_err().to_string(), "full");
        assert_eq!(taken, 4);
    }

    /// Work that an interruption ends is no error; a result that cannot be kept is one even then.
    #[test]
    fn an_interruption_hides_no_error_of_what_takes_the_results() {
        let pieces: Vec<u32> = (0..50).collect();
        for is_full in [false, true] {
            let (raised, mut taken) = (AtomicBool::new(false), 0);
            // It is raised while the first piece is done, which then has a result, and the second has none.
            let one = |piece: &u32| if raised.swap(true, Ordering::Relaxed) { bail!("stopped") } else { Ok(*piece) };
            let add = |_| {
                taken += 1;
                if is_full { bail!("full") } else { Ok(()) }
            };
            let ended = run(&pieces, 1, &raised, one, add).map_err(|error| error.to_string());
            assert_eq!(ended, if is_full { Err("full".into()) } else { Ok(()) });
            assert!(taken < 5, "{taken}");
        }
    }
}
