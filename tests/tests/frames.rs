//! Frames: their bytes, their longest, and where their blocks end.

use mote_protocol::frame::{FIRST_BYTE_MAX, Frame, FrameError, decode, encode, encode_numbers, numbers};
use mote_protocol::limits::{FRAME_MAX, FRAME_NUMBERS};

#[test]
fn frames_are_what_the_specification_says() {
    // kind 0, position 300 as a varint, length 8, two numbers, CRC-32; stuffed; between zeros.
    let bytes = encode_numbers(300, &[1.0, -1.0]).unwrap();
    let raw = [0, 0xac, 0x02, 8, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xbf];
    let sum = mote_protocol::crc::checksum(&raw).to_le_bytes();
    let mut expected = vec![0, 1, 4, 0xac, 0x02, 8, 1, 3, 0x80, 0x3f, 1, 7, 0x80, 0xbf];
    expected.extend(sum);
    expected.push(0);
    assert!(!sum.contains(&0));
    assert_eq!(bytes.as_slice(), expected);
    let mut inside = bytes[1..bytes.len() - 1].to_vec();
    let Ok(Frame::Put { first, numbers: found }) = decode(&mut inside) else { panic!() };
    assert_eq!((first, numbers(found).collect::<Vec<_>>()), (300, vec![1.0, -1.0]));
}

/// No frame begins as a command does: a session tells them apart behind a zero that was none of theirs.
#[test]
fn the_first_byte_of_a_frame_is_small() {
    let mut seen = [0; 256];
    for word in (0..4096u32).flat_map(|i| [i, i << 7, i << 20, i.wrapping_mul(0x9e37_79b9)]) {
        for bytes in [encode(&Frame::End { crc: word }), encode_numbers(word, &[f32::from_bits(word)])] {
            seen[usize::from(bytes.unwrap()[1])] += 1;
        }
    }
    let most = seen.iter().rposition(|count| *count > 0).unwrap();
    assert_eq!((seen[0], most), (0, usize::from(FIRST_BYTE_MAX)));
}

/// The longest frame there can be fits; one number more is refused on both sides.
#[test]
fn frames_at_their_limit() {
    let worst = vec![f32::from_bits(0x0101_0101); FRAME_NUMBERS];
    let bytes = encode_numbers(u32::MAX, &worst).unwrap();
    println!("the longest frame: {} of {} bytes", bytes.len() - 2, FRAME_MAX);
    assert!(bytes.len() - 2 <= FRAME_MAX);
    assert!(decode(&mut bytes[1..bytes.len() - 1].to_vec()).is_ok());
    assert!(encode_numbers(0, &vec![1.0; FRAME_NUMBERS + 1]).is_none());
    let stuffed = |body: &[u8]| {
        let mut raw = body.to_vec();
        raw.extend(mote_protocol::crc::checksum(body).to_le_bytes());
        // Stuffing by hand: blocks of at most 254 bytes without a zero.
        let mut out = Vec::new();
        let mut blocks = raw.split(|byte| *byte == 0).peekable();
        while let Some(mut block) = blocks.next() {
            while block.len() >= 254 {
                out.push(255);
                out.extend(&block[..254]);
                block = &block[254..];
                assert!(!block.is_empty() || blocks.peek().is_some());
            }
            out.push(block.len() as u8 + 1);
            out.extend(block);
        }
        out
    };
    let put = |length: usize| {
        let mut body = vec![0, 0];
        body.extend(if length < 128 { vec![length as u8] } else { vec![length as u8 | 128, (length >> 7) as u8] });
        body.extend(vec![1; length]);
        body
    };
    let of = |body: &[u8]| decode(&mut stuffed(body)).map(|_| ());
    assert_eq!(of(&put(4 * FRAME_NUMBERS)), Ok(()));
    assert_eq!(of(&put(4 * FRAME_NUMBERS + 4)), Err(FrameError::Content));
    assert_eq!(of(&put(5)), Err(FrameError::Content));
    assert_eq!(of(&put(0)), Err(FrameError::Content));
    assert_eq!(of(&[1, 5]), Ok(()));
    assert_eq!(of(&[2, 5]), Err(FrameError::Content));
    assert_eq!(of(&[1, 5, 5]), Err(FrameError::Content));
    assert_eq!(of(&[]), Err(FrameError::Content));
    assert_eq!(decode(&mut [2, 1]).map(|_| ()), Err(FrameError::Checksum));
    assert_eq!(decode(&mut [9, 1]).map(|_| ()), Err(FrameError::Coding));
}

/// Wherever the last zero of the numbers lies, so that blocks of the stuffing end anywhere, the very end included.
#[test]
fn frames_stand_between_zeros_wherever_their_blocks_end() {
    let mut full_at_the_end = 0;
    for filler in 1..=255 {
        for zero in 0..4 * FRAME_NUMBERS {
            let mut bytes = vec![filler; 4 * FRAME_NUMBERS];
            bytes[zero] = 0;
            let all: Vec<f32> = numbers(&bytes).collect();
            let frame = encode_numbers(512, &all).unwrap();
            let (last, inside) = frame[1..].split_last().unwrap();
            assert!(frame[0] == 0 && *last == 0 && !inside.contains(&0), "filler {filler}, zero at {zero}: {frame:?}");
            full_at_the_end += usize::from(inside.len() >= 255 && inside[inside.len() - 255] == 255);
            let mut inside = inside.to_vec();
            let Ok(Frame::Put { first: 512, numbers: found }) = decode(&mut inside) else { panic!("{filler} {zero}") };
            assert_eq!(found, bytes);
        }
    }
    assert!(full_at_the_end > 100, "{full_at_the_end}");
}
