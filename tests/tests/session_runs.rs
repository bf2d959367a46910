//! Runs and tests that are asked for by commands: the host's, stopped or not.

#[path = "../../fuzz/src/bench.rs"]
#[allow(dead_code)] // shared with other tests
mod bench;

use bench::{HELD, Memory, ask, on_bench, rest, say};
use mote_core::data::{Distribution, Form, Synthetic};
use mote_core::memory::{Fixed, Memory as _};
use mote_core::params::Init;
use mote_core::rng::Purpose;
use mote_core::train::{Settings, Trainer};
use mote_host::reference::preset_run::host_lines;
use mote_protocol::answer::Answer;
use mote_protocol::command::{Command, Train, parse};
use mote_protocol::crc::checksum;
use mote_protocol::decimal::write_f32;
use mote_protocol::limits::SAMPLE_IDLE_MS;
use mote_protocol::report::Record;
use mote_runtime::runs::presets::{Preset, PresetRun};
use mote_runtime::runs::training_run::weights_crc32;
use mote_tests::said::answers;

/// A number as `mote` sends it: a decimal, and the bits.
fn real(x: f32) -> String {
    let mut text = String::new();
    write_f32(&mut text, x).unwrap();
    format!("{text}:{:08x}", x.to_bits())
}

/// The command that asks for the run of a preset.
fn train_command(run: &PresetRun) -> String {
    let Distribution { form, signal_norm, flip } = run.distribution;
    let form = match form {
        Form::Uniform { sigma } => format!("form=uniform sigma={}", real(sigma)),
        Form::Paper { big, small } => format!("form=paper big={} small={}", real(big), real(small)),
    };
    let init = match run.init {
        Init::FanIn { divisor } => format!("init=fan-in divisor={}", real(divisor)),
        Init::Gaussian { query_key_std, value_std } => {
            format!("init=gaussian qk_std={} v_std={}", real(query_key_std), real(value_std))
        }
    };
    let line = format!(
        "train {form} signal={} flip={} {init} n={} test={} lr={} train_output={} steps={} stop_loss={} eval={} seed={} \
         name={}",
        real(signal_norm),
        real(flip),
        run.samples,
        run.test_samples,
        real(run.settings.learning_rate),
        u8::from(run.settings.train_output),
        run.max_steps,
        real(run.stop_loss),
        run.eval_every,
        run.seed,
        run.name
    );
    format!("{line} *{:08x}\n", checksum(line.as_bytes()))
}

/// Every line of a run that is asked for is the line of the preset, checksum included.
#[test]
fn a_run_that_is_asked_for_is_the_run_of_the_preset() {
    for name in ["parity-tiny", "tiny"] {
        let preset = Preset::by_name(name).unwrap();
        let expected: Vec<String> = host_lines(&preset).unwrap();
        let expected: Vec<&String> = expected
            .iter()
            .filter(|l| !["hello", "board", "bye"].iter().any(|k| l.starts_with(&format!("mote {k} "))))
            .collect();
        let mut memory = Fixed::<4, 32, 4, 4>::zeroed();
        assert_eq!(memory.shape(), preset.shape);
        on_bench(&mut memory, 0, |session, bench| {
            let mut found = Vec::new();
            for run in preset.runs {
                say(session, bench, train_command(run).as_bytes());
                assert!(rest(session, bench, usize::MAX));
                found.extend(bench.lines());
            }
            found.retain(|line| !line.starts_with("mote ok "));
            assert_eq!(found.iter().collect::<Vec<_>>(), expected);
            println!("{name}: {} lines equal", found.len());
        });
    }
}

/// What a person types, with what is not said left to its usual value, is the first run of the preset.
#[test]
fn the_usual_values_are_those_of_the_presets() {
    for (name, snr) in [("demo", "0.8"), ("tiny", "1")] {
        let preset = Preset::by_name(name).unwrap();
        let of = |line: &str| match parse(line.trim_end(), preset.shape).1 {
            Ok(Command::Train(train)) => Train { eval_every: train.eval_every.or(Some(5)), ..train },
            other => panic!("{other:?}"),
        };
        let typed = of(&format!("train n=16 snr={snr} name=benign"));
        assert_eq!(typed, of(&train_command(&preset.runs[0])), "{name}");
    }
}

/// Stopped in the middle of a step, then told to go on: the weights of a run that was never stopped.
#[test]
fn a_run_that_was_stopped_goes_on_to_the_same_bits() {
    let whole = "train n=8 snr=1 test=0 steps=40 stop_loss=0";
    let mut digests = Vec::new();
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, whole);
        rest(session, bench, usize::MAX);
        digests.push(session.digest());
    });
    for samples in [8 + 8 * 3, 8 + 8 * 3 + 5, 8 + 8 * 39 + 7] {
        on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
            ask(session, bench, whole);
            assert!(!rest(session, bench, samples), "it is still training");
            bench.take();
            let lines = ask(session, bench, "stop");
            let kinds: Vec<&str> = lines.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
            assert_eq!(kinds, ["digest", "done", "work", "ok"], "stop answers at once");
            assert!(lines[1].contains("reason=stopped"));
            assert_eq!(session.digest().1, (samples as u32 - 8) / 8, "steps that were whole");
            assert!(rest(session, bench, 1), "nothing is left to do");
            ask(session, bench, &format!("{whole} init=keep"));
            rest(session, bench, usize::MAX);
            digests.push(session.digest());
        });
    }
    assert_eq!(digests[0].1, 40);
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn a_test_gives_the_figures_of_the_host() {
    let mut memory = Memory::zeroed();
    let shape = memory.shape();
    on_bench(&mut memory, HELD, |session, bench| {
        ask(session, bench, "train n=8 snr=1.5 test=0 steps=20 seed=3");
        rest(session, bench, usize::MAX);
        bench.take();
        let first = ask(session, bench, "eval n=50 snr=1.5 seed=3");
        assert_eq!(answers(&first).len(), 1);
        rest(session, bench, usize::MAX);
        let lines = bench.lines();
        let Ok(Answer::Score(score)) = Answer::parse(&lines[0]) else { panic!("{lines:?}") };

        let mut host = Memory::zeroed();
        let sigma = 4.0 / 5f32.sqrt(); // noise tokens of norm 4
        let form = Form::Uniform { sigma };
        let distribution = Distribution { form, signal_norm: 1.5 * 4.0, flip: 0.0 };
        let size = (shape.tokens, shape.dim);
        let mut train = Synthetic::new(distribution, size, 8, 3, Purpose::Train).unwrap();
        let mut test = Synthetic::new(distribution, size, 50, 3, Purpose::Test).unwrap();
        let mut trainer = Trainer::new(&mut host, Settings { learning_rate: 0.5, train_output: false }).unwrap();
        trainer.init(Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 }, 3).unwrap();
        for _ in 0..20 {
            trainer.step(&mut train).unwrap();
        }
        let expected = trainer.model().evaluate(&mut test).unwrap();
        assert_eq!((score.loss, score.error, score.attention), (expected.loss, expected.error, expected.attention));
        assert_eq!((score.step, score.samples, score.what.as_str()), (20, 50, "test"));
        assert_eq!(session.digest().0, weights_crc32(&trainer.params()), "a test moves nothing");
    });
}

/// Each `eval` has the loss of both sets, each under its own name.
#[test]
fn the_losses_of_an_eval_are_those_of_their_sets() {
    let mut host = Memory::zeroed();
    let form = Form::Uniform { sigma: 4.0 / 5f32.sqrt() };
    let distribution = Distribution { form, signal_norm: 6.0, flip: 0.0 };
    let mut train = Synthetic::new(distribution, (3, 5), 8, 3, Purpose::Train).unwrap();
    let mut test = Synthetic::new(distribution, (3, 5), 50, 3, Purpose::Test).unwrap();
    let mut trainer = Trainer::new(&mut host, Settings { learning_rate: 0.5, train_output: false }).unwrap();
    trainer.init(Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 }, 3).unwrap();
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, "train n=8 snr=1.5 test=50 steps=20 eval=10 seed=3 stop_loss=0");
        rest(session, bench, usize::MAX);
        let mut evals = 0;
        for line in bench.lines().iter().filter(|line| line.starts_with("mote eval ")) {
            let Ok(Record::Eval(eval)) = Record::parse(line) else { panic!("{line}") };
            while trainer.last_step().map_or(0, |last| u64::from(last.step)) < eval.step {
                trainer.step(&mut train).unwrap();
            }
            let (on_train, on_test) =
                (trainer.model().evaluate(&mut train).unwrap(), trainer.model().evaluate(&mut test).unwrap());
            assert_eq!(
                (eval.train_loss, eval.test_loss, eval.test_error),
                (on_train.loss, on_test.loss, on_test.error)
            );
            assert_ne!(eval.train_loss, eval.test_loss);
            evals += 1;
        }
        assert_eq!(evals, 3);
    });
}

/// Stopped before it has drawn its weights, a run leaves those that were there, and says so.
#[test]
fn a_run_that_is_stopped_at_once_leaves_everything_as_it_was() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, "train n=4 snr=1 steps=5 test=0 stop_loss=0");
        rest(session, bench, usize::MAX);
        bench.take();
        let state = ask(session, bench, "status");
        let (crc, step) = session.digest();
        assert!(state[0].contains(" step=5 ") && !state[0].contains("train_loss=-"), "{state:?}");
        ask(session, bench, "train n=4 snr=1 steps=9 test=0 seed=8");
        assert!(session.work(bench).unwrap());
        let lines = ask(session, bench, "status");
        assert!(lines.last().unwrap().starts_with("mote ok") && session.digest() == (crc, step), "{lines:?}");
        let lines = ask(session, bench, "stop");
        assert!(lines[0].starts_with(&format!("mote digest what=weights step=5 crc={crc:08x} ")), "{lines:?}");
        assert_eq!(ask(session, bench, "status"), state);
    });
}

/// `work` counts the steps that its ticks were spent in, and not those of the run before.
#[test]
fn work_is_that_of_the_run_itself() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        for (steps, init, expected) in [(5, "", 5), (8, " init=keep", 3), (8, " init=keep", 0)] {
            ask(session, bench, &format!("train n=4 snr=1 test=0 stop_loss=0 steps={steps}{init}"));
            assert!(rest(session, bench, 10_000));
            let lines = bench.lines();
            let line =
                |kind: &str| lines.iter().find(|line| line.starts_with(&format!("mote {kind} "))).unwrap().clone();
            assert!(line("work").contains(&format!(" steps={expected} ")), "{lines:?}");
            assert!(line("done").contains(&format!(" steps={steps} ")), "{lines:?}");
        }
    });
}

/// A streamed run whose samples do not come ends before it has drawn weights: those that are there are the ones of
/// before, and so is their step.
#[test]
fn a_run_without_data_says_which_weights_are_there() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, "train n=4 snr=1 test=0 stop_loss=0 steps=5");
        assert!(rest(session, bench, 10_000));
        bench.take();
        let before = session.digest();
        ask(session, bench, "train n=4 form=stream");
        assert!(rest(session, bench, 10_000));
        bench.millis += SAMPLE_IDLE_MS;
        assert!(rest(session, bench, 10_000));
        let lines = bench.lines();
        assert!(lines.iter().any(|line| line.starts_with("mote error step=5 code=data-missing ")), "{lines:?}");
        assert_eq!(session.digest(), before);
    });
}

/// Stopped in the tests behind its last step, then told to go on: the run is over, it does no step more.
#[test]
fn a_run_that_was_over_stays_over() {
    let run = "train n=4 snr=3 test=6 eval=50 steps=1000 stop_loss=0.3 lr=5";
    let whole = std::cell::Cell::new((0, 0));
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, run);
        rest(session, bench, usize::MAX);
        whole.set(session.digest());
        assert!(bench.lines().iter().any(|line| line.contains("done reason=stop-loss")), "the loss ends it");
    });
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        ask(session, bench, run);
        while session.digest() != whole.get() {
            assert!(session.work(bench).unwrap());
        }
        ask(session, bench, "stop");
        ask(session, bench, &format!("{run} init=keep"));
        rest(session, bench, usize::MAX);
        let lines = bench.lines();
        assert!(lines.iter().any(|line| line.contains("done reason=stop-loss")), "{lines:?}");
        assert_eq!(session.digest(), whole.get());
        // On other data, the loss before the last step is that of something else.
        let (_, step) = session.digest();
        ask(session, bench, "train n=4 snr=3 seed=2 test=0 steps=1000 stop_loss=0.3 lr=0.001 init=keep");
        rest(session, bench, 40);
        assert!(session.digest().1 > step);
    });
}
