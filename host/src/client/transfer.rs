//! Numbers in bulk: samples and weights to the chip in frames, weights back.

use crate::client::chip::{Client, Heard, Reply};
use crate::client::fault::ChipError;
use mote_protocol::answer::Answer;
use mote_protocol::crc::Crc32;
use mote_protocol::frame::{Frame, decode, encode, encode_numbers, numbers};
use mote_protocol::limits::{FRAME_NUMBERS, WINDOW};
use std::collections::VecDeque;
use std::time::Instant;

/// How often a transfer is put right before it is given up.
const REPAIRS: u32 = 20;

/// CRC-32 over numbers, as the chip takes it.
pub fn digest(numbers: &[f32]) -> u32 {
    let mut digest = Crc32::new();
    digest.update(numbers);
    digest.finish()
}

/// Frames on their way: at most [`WINDOW`] without an answer.
#[derive(Debug, Default)]
pub(super) struct SendWindow {
    /// Frames to be sent, and how many bytes of numbers each has.
    waiting: VecDeque<(Vec<u8>, u64)>,
    unanswered: usize,
}

impl SendWindow {
    /// Adds frames with numbers that begin at a position.
    pub(super) fn add(&mut self, first: u32, all: &[f32]) {
        for (i, part) in all.chunks(FRAME_NUMBERS).enumerate() {
            let at = first.wrapping_add((i * FRAME_NUMBERS) as u32);
            // A chunk is never longer than a frame can be.
            if let Some(frame) = encode_numbers(at, part) {
                self.waiting.push_back((frame.to_vec(), 4 * part.len() as u64));
            }
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.unanswered == 0
    }

    /// One was taken.
    pub(super) fn taken(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Sends what may be sent.
    pub(super) fn go(&mut self, client: &mut Client) -> Result<(), ChipError> {
        while self.unanswered < WINDOW
            && let Some((frame, numbers)) = self.waiting.pop_front()
        {
            client.send(&frame)?;
            client.traffic.numbers_up += numbers;
            self.unanswered += 1;
        }
        Ok(())
    }
}

impl Client {
    /// Sends `all` into the transfer that a command opens, and ends it. What is lost on the way is sent again.
    ///
    /// # Errors
    ///
    /// As [`Client::request`]; [`ChipError::Digest`], [`ChipError::Broken`]; [`ChipError::Refused`] for numbers that
    /// cannot be taken.
    pub fn upload(&mut self, command: &str, all: &[f32]) -> Result<(), ChipError> {
        let what = command.split(' ').next().unwrap_or_default();
        let (mut window, crc) = (SendWindow::default(), digest(all));
        window.add(0, all);
        self.request(command)?;
        let mut repairs = 0;
        while !window.is_done() {
            window.go(self)?;
            match self.answer_within("put", self.brief_patience()) {
                Ok(reply) if !lost_bytes(&reply.said) => window.taken(),
                // These numbers would be refused again.
                Err(error @ ChipError::Refused { .. }) if !error.is_passing() => {
                    self.stop()?;
                    return Err(error);
                }
                Ok(_) | Err(ChipError::Refused { .. } | ChipError::Silent { .. }) => {
                    repairs += 1;
                    let next = self.next_number(what, repairs)?;
                    window.clear();
                    window.add(next as u32, all.get(next..).unwrap_or_default());
                }
                Err(other) => return Err(other),
            }
        }
        self.end(what, crc, &mut repairs)
    }

    /// Closes a transfer. An `end` that was damaged on its way has changed nothing, and is sent again.
    fn end(&mut self, what: &str, crc: u32, repairs: &mut u32) -> Result<(), ChipError> {
        let frame = encode(&Frame::End { crc }).map(|frame| frame.to_vec()).unwrap_or_default();
        loop {
            self.send(&frame)?;
            match self.answer("end") {
                Ok(reply) if reply.crc == crc => return Ok(()),
                Ok(reply) => {
                    let (port, found) = (self.port(), reply.crc);
                    return Err(ChipError::Digest { port, what: "numbers", expected: crc, found });
                }
                // Lost either on the way there or on the way back: in the latter case it is closed.
                Err(ChipError::Refused { cmd, .. }) if cmd == "-" => {
                    *repairs += 1;
                    self.next_number(what, *repairs)?;
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// After an accident: lets the line come to rest, and asks for the position to go on from.
    pub(super) fn next_number(&mut self, what: &str, repairs: u32) -> Result<usize, ChipError> {
        self.drain()?;
        self.send(b"\n")?;
        let state = self.status()?;
        if state.activity != what || repairs > REPAIRS {
            let (port, what, code) = (self.port(), what.into(), "bytes-lost".into());
            return Err(ChipError::Broken { port, what, code });
        }
        Ok(state.next as usize)
    }

    /// All weights of the model, in the order of their digest.
    ///
    /// # Errors
    ///
    /// As [`Client::request`]; [`ChipError::Digest`] if they do not arrive whole.
    pub fn weights(&mut self) -> Result<Vec<f32>, ChipError> {
        // Frames come right behind the answer, maybe in the same piece.
        self.reader.frames = true;
        let received = self.request("weights binary=1").and_then(|reply| {
            let (weights, crc) = self.receive_weights(&reply)?;
            Ok((reply, weights, crc))
        });
        self.reader.frames = false;
        let (reply, weights, crc) = received?;
        let found = digest(&weights);
        if found == crc && crc == reply.crc {
            return Ok(weights);
        }
        Err(ChipError::Digest { port: self.port(), what: "weights", expected: reply.crc, found })
    }

    fn receive_weights(&mut self, reply: &Reply) -> Result<(Vec<f32>, u32), ChipError> {
        let mut all = Vec::with_capacity(reply.numbers as usize);
        let mut until = Instant::now() + self.patience();
        while let Some(heard) = self.recv(until)? {
            match heard {
                Heard::Frame(mut bytes) => match decode(&mut bytes) {
                    Ok(Frame::Put { first, numbers: bytes }) if first as usize == all.len() => {
                        all.extend(numbers(bytes));
                        self.traffic.numbers_down += bytes.len() as u64;
                    }
                    Ok(Frame::End { crc }) => return Ok((all, crc)),
                    // A part is missing or damaged: the digest will say so.
                    Ok(Frame::Put { .. }) | Err(_) => {}
                },
                Heard::Answer(Answer::Aborted(what, code)) if what == "weights" => {
                    return Err(ChipError::Broken {
                        port: self.port(),
                        what: what.as_str().into(),
                        code: code.as_str().into(),
                    });
                }
                _ => {}
            }
            until = Instant::now() + self.patience();
        }
        Err(self.silent("weights"))
    }
}

/// Whether the chip has said that bytes were lost on its side.
pub(super) fn lost_bytes(said: &[Heard]) -> bool {
    said.iter().any(|heard| matches!(heard, Heard::Answer(Answer::Aborted(what, _)) if what == "line"))
}
