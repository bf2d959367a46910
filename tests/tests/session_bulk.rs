//! Numbers in bulk: samples into RAM, samples one by one, weights both ways; damage on the line; bytes counted.

#[path = "../../fuzz/src/bench.rs"]
#[allow(dead_code)] // shared with other tests
mod bench;

use bench::{Bench, HELD, Memory, SAMPLE, Sent, on_bench, rest, say};
use mote_core::data::{Dataset, Distribution, Form, InMemory, Label, Synthetic};
use mote_core::matrix::MatrixMut;
use mote_core::memory::{Fixed, Memory as AnyMemory};
use mote_core::params::{Init, Tensor};
use mote_core::rng::{Purpose, Stream};
use mote_core::train::{Settings, Trainer};
use mote_protocol::answer::Answer;
use mote_protocol::crc::Crc32;
use mote_protocol::frame::{Frame, decode, encode, encode_numbers, numbers};
use mote_protocol::limits::{
    FRAME_NUMBERS, LINE_NUMBERS, SAMPLE_IDLE_MS, TRANSFER_IDLE_MS, TYPED_TRANSFER_IDLE_MS, WINDOW,
};
use mote_protocol::report::Record;
use mote_runtime::commands::{NoStorage, Session};
use mote_runtime::runs::training_run::weights_crc32;
use std::collections::VecDeque;

/// A host that sends numbers in frames, at most [`WINDOW`] without an answer, and counts what goes over the line.
#[derive(Default)]
struct Host {
    /// Bytes to the chip.
    up: usize,
    /// Bytes of those that are numbers.
    payload: usize,
    /// Most frames that were ever without an answer.
    unanswered: usize,
}

fn crc(all: &[f32]) -> u32 {
    let mut digest = Crc32::new();
    digest.update(all);
    digest.finish()
}

/// `count` samples as they go over the line, tokens and label, and as the engine reads them.
fn made(count: usize, size: (usize, usize), purpose: Purpose) -> (Vec<f32>, Vec<f32>, Vec<Label>) {
    let form = Form::Uniform { sigma: 4.0 / (size.1 as f32).sqrt() };
    let distribution = Distribution { form, signal_norm: 3.0, flip: 0.1 };
    let mut data = Synthetic::new(distribution, size, count, 9, purpose).unwrap();
    let (mut line, mut tokens, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..count {
        let mut x = vec![0.0; size.0 * size.1];
        let label = data.read(n, MatrixMut::new(&mut x, size.0, size.1)).unwrap();
        line.extend(&x);
        line.push(label.sign());
        tokens.extend(x);
        labels.push(label);
    }
    (line, tokens, labels)
}

impl Host {
    fn send<S: AnyMemory>(&mut self, session: &mut Session<'_, S, NoStorage>, bench: &mut Bench, bytes: &[u8]) {
        self.up += bytes.len();
        say(session, bench, bytes);
    }

    /// A whole transfer; answers the last answer. `damage` may change what goes over the line. What is refused is
    /// sent again, from where the chip says it is.
    fn transfer<S: AnyMemory>(
        &mut self,
        session: &mut Session<'_, S, NoStorage>,
        bench: &mut Bench,
        command: &str,
        all: &[f32],
        mut damage: impl FnMut(&mut Vec<u8>),
    ) -> Answer {
        self.send(session, bench, format!("{command}\n").as_bytes());
        let Ok(Answer::Ok(_, expected, _)) = Answer::parse(&bench.lines()[0]) else { panic!("{command} is refused") };
        assert_eq!(expected as usize, all.len());
        let mut wire: VecDeque<Vec<u8>> = VecDeque::new();
        let mut next = 0;
        loop {
            while next < all.len() && wire.len() < WINDOW {
                let part = &all[next..all.len().min(next + FRAME_NUMBERS)];
                let mut frame = encode_numbers(next as u32, part).unwrap().to_vec();
                damage(&mut frame);
                self.payload += 4 * part.len();
                next += part.len();
                wire.push_back(frame);
            }
            self.unanswered = self.unanswered.max(wire.len());
            let Some(frame) = wire.pop_front() else { break };
            self.send(session, bench, &frame);
            let lines = bench.lines();
            if lines.iter().all(|line| line.starts_with("mote ok cmd=put")) && lines.len() == 1 {
                continue;
            }
            // Silence, so that whatever has begun is dropped; then ask where to go on.
            wire.clear();
            for _ in 0..2 {
                bench.millis += 600;
                rest(session, bench, 1);
            }
            bench.take();
            self.send(session, bench, b"\nstatus\n");
            let lines = bench.lines();
            let Some(Answer::State(state)) =
                lines.iter().find_map(|l| Answer::parse(l).ok().filter(|a| a.kind() == "state"))
            else {
                panic!("{lines:?}")
            };
            assert!(state.next as usize <= next);
            next = state.next as usize;
        }
        self.send(session, bench, &encode(&Frame::End { crc: crc(all) }).unwrap());
        Answer::parse(&bench.lines()[0]).unwrap()
    }

    fn share(&self) -> f64 {
        self.payload as f64 / self.up as f64
    }
}

/// What the host gets after training on the same numbers.
fn host_digest<S: AnyMemory>(memory: &mut S, tokens: &[f32], labels: &[Label], steps: usize) -> u32 {
    let shape = memory.shape();
    let mut data = InMemory::new(tokens, labels, shape.tokens, shape.dim).unwrap();
    let mut trainer = Trainer::new(memory, Settings { learning_rate: 0.5, train_output: false }).unwrap();
    trainer.init(Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 }, 1).unwrap();
    for _ in 0..steps {
        trainer.step(&mut data).unwrap();
    }
    weights_crc32(&trainer.params())
}

/// Held samples, by frames and by typed lines: the run of the host on the same numbers.
#[test]
fn held_samples_train_as_on_the_host() {
    let (line, tokens, labels) = made(4, (3, 5), Purpose::Train);
    let (test, ..) = made(2, (3, 5), Purpose::Test);
    let expected = host_digest(&mut Memory::zeroed(), &tokens, &labels, 30);
    for typed in [false, true] {
        on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
            for (set, all) in [("train", &line), ("test", &test)] {
                let n = all.len() / SAMPLE;
                if typed {
                    say(session, bench, format!("data set={set} n={n}\n").as_bytes());
                    for (i, part) in all.chunks(7).enumerate() {
                        let words: Vec<String> = part.iter().map(|x| format!("{:08x}", x.to_bits())).collect();
                        say(session, bench, format!("put first={} bits={}\n", 7 * i, words.join(",")).as_bytes());
                    }
                    say(session, bench, b"end\n");
                } else {
                    let command = format!("data set={set} n={n} binary=1");
                    let answer = Host::default().transfer(session, bench, &command, all, |_| ());
                    assert_eq!(answer, Answer::Ok(mote_protocol::wire::to_name("end"), all.len() as u64, crc(all)));
                }
                assert!(bench.lines().iter().all(|line| line.starts_with("mote ok ")));
            }
            say(session, bench, b"train form=held steps=30 stop_loss=0\n");
            rest(session, bench, usize::MAX);
            let lines = bench.lines();
            assert_eq!(session.digest(), (expected, 30));
            assert!(lines.iter().any(|l| l.starts_with("mote eval step=30 ")), "the test set is used");
            assert!(lines[0].contains("form=held N=4 test_samples=2 "));
            say(session, bench, b"eval form=held set=train\n");
            rest(session, bench, usize::MAX);
            assert!(bench.lines()[1].starts_with("mote score what=train step=30 samples=4 "));
        });
    }
}

/// Answers each `want` with the frames of that sample, a window at a time; until the session has nothing to do.
fn stream<S: AnyMemory>(
    host: &mut Host,
    session: &mut Session<'_, S, NoStorage>,
    bench: &mut Bench,
    sets: [(&str, &[f32]); 2],
    sample: usize,
) -> Vec<String> {
    let (mut lines, mut frames, mut in_flight) = (Vec::new(), VecDeque::new(), VecDeque::new());
    loop {
        let new = bench.lines();
        for line in &new {
            match Answer::parse(line) {
                Ok(Answer::Want(set, n)) => {
                    let all = sets.iter().find(|(name, _)| *name == set).unwrap().1;
                    let start = n as usize * sample;
                    for (i, part) in all[start..start + sample].chunks(FRAME_NUMBERS).enumerate() {
                        host.payload += 4 * part.len();
                        frames.push_back(encode_numbers((start + i * FRAME_NUMBERS) as u32, part).unwrap());
                    }
                }
                Ok(Answer::Ok(name, ..)) if name == "put" => {}
                Ok(Answer::Refused(..)) => panic!("{line}"),
                _ => lines.push(line.clone()),
            }
        }
        while in_flight.len() < WINDOW && !frames.is_empty() {
            in_flight.extend(frames.pop_front());
            host.unanswered = host.unanswered.max(in_flight.len());
        }
        if let Some(frame) = in_flight.pop_front() {
            host.send(session, bench, &frame);
        }
        let more = session.work(bench).unwrap();
        if !more && in_flight.is_empty() && frames.is_empty() && bench.sent.is_empty() {
            return lines;
        }
    }
}

/// Samples that the chip never holds: the same bits as held ones, and as the host's.
#[test]
fn streamed_samples_train_as_held_ones() {
    let (line, tokens, labels) = made(20, (3, 5), Purpose::Train);
    let (test, ..) = made(7, (3, 5), Purpose::Test);
    let expected = host_digest(&mut Memory::zeroed(), &tokens, &labels, 12);
    on_bench(&mut Memory::zeroed(), 0, |session, bench| {
        say(session, bench, b"train form=stream n=20 test=7 steps=12 stop_loss=0 eval=6\n");
        let lines = stream(&mut Host::default(), session, bench, [("train", &line), ("test", &test)], SAMPLE);
        assert_eq!(session.digest(), (expected, 12));
        let digest = format!("mote digest what=train step=0 crc={:08x} ", crc(&line));
        assert!(lines.iter().any(|line| line.starts_with(&digest)), "the chip saw the very samples");
        assert_eq!(lines.iter().filter(|line| line.starts_with("mote eval ")).count(), 3);
        say(session, bench, b"eval form=stream n=7\n");
        let lines = stream(&mut Host::default(), session, bench, [("train", &line), ("test", &test)], SAMPLE);
        assert!(lines.iter().any(|line| line.starts_with("mote score what=test step=12 samples=7 ")), "{lines:?}");
    });
}

/// A sample that does not come ends the run at its deadline; the weights are those of the last whole step.
#[test]
fn a_sample_that_does_not_come_ends_the_run() {
    let (line, tokens, labels) = made(3, (3, 5), Purpose::Train);
    let expected = host_digest(&mut Memory::zeroed(), &tokens, &labels, 2);
    on_bench(&mut Memory::zeroed(), 0, |session, bench| {
        say(session, bench, b"train form=stream n=3 steps=9 stop_loss=0\n");
        // A pass for the digest, two steps, and two samples of the third.
        for n in 0..11 {
            assert!(!session.work(bench).unwrap());
            bench.millis += SAMPLE_IDLE_MS - 1;
            let at = n % 3 * SAMPLE;
            say(session, bench, &encode_numbers(at as u32, &line[at..at + SAMPLE]).unwrap());
            assert!(session.work(bench).unwrap());
        }
        session.work(bench).unwrap();
        bench.take();
        bench.millis += SAMPLE_IDLE_MS - 1;
        session.work(bench).unwrap();
        assert!(bench.sent.is_empty());
        bench.millis += 1;
        assert!(!session.work(bench).unwrap());
        let lines = bench.lines();
        assert!(lines[0].starts_with("mote error step=2 code=data-missing "), "{lines:?}");
        assert!(lines[1].starts_with("mote done reason=error steps=2 "));
        assert_eq!(session.digest(), (expected, 2));
        // What comes too late is refused, and nothing else happens.
        say(session, bench, &encode_numbers(0, &line[..SAMPLE]).unwrap());
        assert!(bench.lines()[0].contains("code=frame-unexpected"));
        // A test that ends so, after one of its samples: nothing is left of it, in the next position neither.
        say(session, bench, b"eval form=stream n=3\n");
        session.work(bench).unwrap();
        say(session, bench, &encode_numbers(0, &line[..SAMPLE]).unwrap());
        assert!(session.work(bench).unwrap());
        bench.millis += SAMPLE_IDLE_MS;
        session.work(bench).unwrap();
        assert!(bench.lines().last().unwrap().starts_with("mote broken what=eval code=data-missing "));
        say(session, bench, b"status\n");
        assert!(bench.lines()[0].contains(" next=0 "));
    });
}

/// Weights out, by frames and by lines, and in again.
#[test]
fn weights_go_out_and_come_back() {
    let mut dumps: Vec<Vec<f32>> = Vec::new();
    let mut digest = 0;
    on_bench(&mut Fixed::<3, 9, 4, 6>::zeroed(), HELD, |session, bench| {
        say(session, bench, b"train n=8 snr=1 test=0 steps=20\n");
        rest(session, bench, usize::MAX);
        bench.take();
        digest = session.digest().0;
        for command in ["weights binary=1\n", "weights\n"] {
            say(session, bench, command.as_bytes());
            rest(session, bench, usize::MAX);
            let (mut all, mut ended) = (Vec::new(), false);
            for sent in bench.take() {
                match sent {
                    Sent::Frame(mut bytes) => match decode(&mut bytes).unwrap() {
                        Frame::Put { first, numbers: part } => {
                            assert_eq!(first as usize, all.len());
                            all.extend(numbers(part));
                        }
                        Frame::End { crc } => ended = crc == digest,
                    },
                    Sent::Line(line) => match (Answer::parse(&line), Record::parse(&line)) {
                        (Ok(Answer::Ok(_, count, crc)), _) => assert_eq!((count, crc), (132, digest)),
                        (Ok(Answer::Numbers(first, words)), _) => {
                            assert_eq!(first as usize, all.len());
                            all.extend(words.iter().map(|word| f32::from_bits(*word)));
                        }
                        (_, Ok(Record::Digest(line))) => ended = line.digest == digest && line.step == 20,
                        _ => panic!("{line}"),
                    },
                }
            }
            assert!(ended && crc(&all) == digest && all.len() == 132);
            dumps.push(all);
        }
    });
    assert_eq!(dumps[0], dumps[1]);
    on_bench(&mut Fixed::<3, 9, 4, 6>::zeroed(), HELD, |session, bench| {
        let answer = Host::default().transfer(session, bench, "load binary=1 step=20", &dumps[0], |_| ());
        assert!(matches!(answer, Answer::Ok(..)));
        assert_eq!(session.digest(), (digest, 20));
    });
}

/// What is wrong with numbers, each with its code; weights and steps are as before, and so is the transfer.
#[test]
fn wrong_numbers_are_refused() {
    let put = |first: u32, all: &[f32]| encode_numbers(first, all).unwrap().to_vec();
    let end = |crc: u32| encode(&Frame::End { crc }).unwrap().to_vec();
    let mut sample = [0.5; SAMPLE];
    sample[SAMPLE - 1] = -1.0;
    let mut broken = put(0, &sample);
    *broken.iter_mut().find(|byte| **byte == 0x3f).unwrap() = 0x3e;
    let mut uncoded = put(0, &sample);
    uncoded[1] = 200;
    let mut nan = sample;
    nan[3] = f32::NAN;
    let mut label = sample;
    label[SAMPLE - 1] = 0.5;
    let cases: [(&str, Vec<u8>); 8] = [
        ("order", put(1, &sample)),
        ("beyond-end", put(0, &[1.0; 2 * SAMPLE + 1])),
        ("not-finite", put(0, &nan)),
        ("label", put(0, &label)),
        ("incomplete", end(0)),
        ("frame-checksum", broken),
        ("frame-coding", uncoded),
        ("busy", b"load\n".to_vec()),
    ];
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        say(session, bench, b"train n=4 snr=1 steps=3 test=0\n");
        rest(session, bench, usize::MAX);
        let before = session.digest();
        say(session, bench, b"data n=2 binary=1\n");
        bench.take();
        for (code, bytes) in &cases {
            say(session, bench, bytes);
            let lines = bench.lines();
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains(&format!(" code={code} ")), "{code}: {lines:?}");
            say(session, bench, b"status\n");
            assert!(bench.lines()[0].contains("activity=data ") && session.digest() == before);
        }
        // The transfer is still good, and what comes twice counts once.
        for first in [0, SAMPLE] {
            say(session, bench, &put(first as u32, &sample));
        }
        bench.take();
        say(session, bench, &put(SAMPLE as u32, &sample));
        assert!(bench.lines()[0].contains(" code=order "));
        say(session, bench, &end(crc(&[sample, sample].concat()) ^ 1));
        let lines = bench.lines();
        assert!(lines[0].contains("code=digest"), "{lines:?}");
        say(session, bench, b"status\n");
        assert!(bench.lines()[0].contains("activity=idle step=3 ") && session.digest() == before);
        // Weights that are not finite, or not all there, are never put in place.
        say(session, bench, b"load binary=1\n");
        say(session, bench, &put(0, &[f32::INFINITY; 32]));
        say(session, bench, &put(0, &[1.0; 31]));
        say(session, bench, b"stop\n");
        let lines = bench.lines();
        assert!(
            lines[1].contains("code=not-finite") && lines[3].contains("broken what=load code=stopped"),
            "{lines:?}"
        );
        assert_eq!(session.digest(), before);
        // A streamed sample: another position, more than a sample.
        say(session, bench, b"train form=stream n=2\n");
        rest(session, bench, 1);
        bench.take();
        for (code, bytes) in
            [("order", put(16, &sample)), ("beyond-end", put(0, &[1.0; SAMPLE + 1])), ("label", put(0, &label))]
        {
            say(session, bench, &bytes);
            assert!(bench.lines()[0].contains(&format!(" code={code} ")));
        }
        say(session, bench, b"stop\n");
        assert_eq!(session.digest(), before, "a run that has not drawn its weights changes nothing");
    });
}

/// Without `binary=1`, frames are refused; a line of `put` has its limit too.
#[test]
fn frames_need_to_be_asked_for() {
    on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
        say(session, bench, b"data n=3\n");
        bench.take();
        say(session, bench, &encode_numbers(0, &[1.0]).unwrap());
        assert!(bench.lines()[0].contains("code=frame-unexpected"));
        let words = |count: usize| vec!["3f800000"; count].join(",");
        say(session, bench, format!("put first=0 bits={}\n", words(LINE_NUMBERS + 1)).as_bytes());
        assert!(bench.lines()[0].contains("code=value"));
        say(session, bench, format!("put first=0 bits={}\n", words(LINE_NUMBERS)).as_bytes());
        assert!(bench.lines()[0].starts_with("mote ok cmd=put numbers=32 "));
    });
}

/// A transfer that is left alone is dropped at its deadline, and what was held before it began is gone.
#[test]
fn a_transfer_that_is_left_alone_is_dropped() {
    for (command, limit) in [("data n=2 binary=1", TRANSFER_IDLE_MS), ("load", TYPED_TRANSFER_IDLE_MS)] {
        on_bench(&mut Memory::zeroed(), HELD, |session, bench| {
            let before = session.digest();
            say(session, bench, format!("{command}\n").as_bytes());
            bench.take();
            bench.millis += limit - 1;
            say(session, bench, b"put first=0 bits=3f800000\n");
            bench.take();
            bench.millis += limit - 1;
            rest(session, bench, 1);
            assert!(bench.sent.is_empty());
            bench.millis += 1;
            rest(session, bench, 1);
            assert!(bench.lines()[0].contains(" code=transfer-timeout "));
            assert_eq!(session.digest(), before);
            say(session, bench, b"status\n");
            assert!(bench.lines()[0].contains("activity=idle step=0 max_steps=0 train_loss=- weights="));
        });
    }
}

/// One byte in fifty frames is damaged, lost or doubled: the numbers arrive all the same, or are refused.
#[test]
fn damage_on_the_line_is_healed() {
    let (line, tokens, labels) = made(40, (4, 32), Purpose::Train);
    let expected = host_digest(&mut Fixed::<4, 32, 4, 4>::zeroed(), &tokens, &labels, 2);
    let mut stream = Stream::new(4, Purpose::Test, 0, 0);
    let mut damaged = 0;
    on_bench(&mut Fixed::<4, 32, 4, 4>::zeroed(), 40, |session, bench| {
        for _ in 0..5 {
            let answer = Host::default().transfer(session, bench, "data n=40 binary=1", &line, |frame| {
                if !stream.next_u32().is_multiple_of(8) {
                    return;
                }
                damaged += 1;
                let at = stream.next_u32() as usize % frame.len();
                match stream.next_u32() % 3 {
                    0 => frame[at] ^= 1 << (stream.next_u32() % 8),
                    1 => drop(frame.remove(at)),
                    _ => frame.insert(at, stream.next_u32() as u8),
                }
            });
            assert_eq!(answer, Answer::Ok(mote_protocol::wire::to_name("end"), line.len() as u64, crc(&line)));
        }
        say(session, bench, b"train form=held steps=2 stop_loss=0\n");
        rest(session, bench, usize::MAX);
        assert_eq!(session.digest(), (expected, 2));
    });
    println!("{damaged} damaged frames");
    assert!(damaged > 40);
}

/// At least 70% of the bytes of each bulk transfer are numbers, in the direction in which they go.
#[test]
fn seven_tenths_of_the_bytes_are_numbers() {
    type Tiny = Fixed<4, 32, 4, 4>;
    let (line, ..) = made(16, (4, 32), Purpose::Train);
    let mut shares = Vec::new();
    on_bench(&mut Tiny::zeroed(), 16, |session, bench| {
        let mut host = Host::default();
        host.transfer(session, bench, "data n=16 binary=1", &line, |_| ());
        shares.push(("samples in", host.share(), host.unanswered));
        let mut host = Host::default();
        host.send(session, bench, b"train form=stream n=16 steps=5\n");
        stream(&mut host, session, bench, [("train", &line), ("test", &[])], 129);
        shares.push(("streamed samples in", host.share(), host.unanswered));

        say(session, bench, b"weights binary=1\n");
        rest(session, bench, usize::MAX);
        let down = bench.sent.len();
        let mut weights = Vec::new();
        for sent in bench.take() {
            if let Sent::Frame(mut bytes) = sent
                && let Ok(Frame::Put { numbers: part, .. }) = decode(&mut bytes)
            {
                weights.extend(numbers(part));
            }
        }
        let shape = Tiny::zeroed().shape();
        let count: usize = Tensor::ALL.iter().map(|t| t.size(shape).0 * t.size(shape).1).sum();
        assert_eq!(weights.len(), count);
        shares.push(("weights out", (4 * count) as f64 / down as f64, 0));
        let mut host = Host::default();
        host.transfer(session, bench, "load binary=1", &weights, |_| ());
        shares.push(("weights in", host.share(), host.unanswered));
    });
    for (what, share, unanswered) in shares {
        println!(
            "{what}: {:.1}% of the bytes are numbers, at most {unanswered} frames without an answer",
            100.0 * share
        );
        assert!(share >= 0.7, "{what}");
        assert!(unanswered <= WINDOW);
    }
}
