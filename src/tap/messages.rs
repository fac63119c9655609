//! What is in a recording, line by line.

use std::io::{self, Read, Write};

use protocol::{
    Limits,
    codec::Readers,
    recording::{Damage, Line, Listing, Side},
};

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// A JSON object for each line.
    Json,
}

/// Why not all of a recording was listed; the messages before that were.
#[derive(Debug, thiserror::Error)]
pub enum MessagesError {
    /// The recording makes no sense from some byte on.
    #[error("{0}")]
    Damaged(#[from] Damage),
    /// It cannot be read, or the list cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Bytes that are read at a time.
const PIECE: usize = 256 * 1024;

/// Lists the messages of `recording` to `out`; gives their number. It holds one message at a time.
pub fn messages(mut recording: impl Read, mut out: impl Write, format: Format) -> Result<u64, MessagesError> {
    let mut piece = vec![0; PIECE];
    let mut count = fill(&mut recording, &mut piece)?;
    // Which way the bytes went, and so what may come first, is in the first message's number.
    let mut listing = Listing::new(Side::of(&piece[..count]), Limits::default(), Readers::standard());
    let mut lines = 0;
    loop {
        match count {
            0 => listing.handle_end(),
            count => listing.handle_bytes(&piece[..count]),
        }
        for line in listing.by_ref() {
            match line {
                Ok(line) => write(&mut out, &line, format)?,
                Err(damage) => {
                    out.flush()?;
                    return Err(damage.into());
                }
            }
            lines += 1;
        }
        if count == 0 {
            out.flush()?;
            return Ok(lines);
        }
        count = fill(&mut recording, &mut piece)?;
    }
}

fn write(out: &mut impl Write, line: &Line, format: Format) -> io::Result<()> {
    match format {
        Format::Text => writeln!(out, "{line}"),
        Format::Json => {
            serde_json::to_writer(&mut *out, line)?;
            out.write_all(b"\n")
        }
    }
}

/// Reads until the piece is full or the recording ends.
fn fill(recording: &mut impl Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match recording.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &[u8] = include_bytes!("../../tests/data/wire/client_default.0.c2s.bin");

    fn listed(bytes: &[u8], format: Format) -> (Vec<String>, Result<u64, MessagesError>) {
        let mut out = Vec::new();
        let result = messages(bytes, &mut out, format);
        let text = String::from_utf8(out).unwrap();
        (text.lines().map(str::to_owned).collect(), result)
    }

    #[test]
    fn every_message_is_a_line() {
        let (lines, result) = listed(CLIENT, Format::Text);
        assert_eq!((lines.len(), result.unwrap()), (35, 35));
        assert_eq!(lines[0], "0 FILENAME (1) 1026 bytes, name default.xml");
        assert!(lines[2].contains("ISMRMRD_ACQUISITION (1008)"), "{}", lines[2]);
        assert!(lines[34].ends_with("CLOSE (4) 2 bytes"), "{}", lines[34]);
    }

    #[test]
    fn json_has_the_same_with_numbers_as_numbers() {
        let (lines, result) = listed(CLIENT, Format::Json);
        assert_eq!((lines.len(), result.unwrap()), (35, 35));
        let readout: serde_json::Value = serde_json::from_str(&lines[3]).unwrap();
        assert_eq!(readout["id"], 1008);
        assert_eq!(readout["name"], "ISMRMRD_ACQUISITION");
        assert_eq!(readout["fields"]["line"], 1);
        let places: Vec<_> = lines
            .iter()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| (line["offset"].as_u64().unwrap(), line["bytes"].as_u64().unwrap()))
            .collect();
        assert!(places.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
        let (offset, bytes) = places[34];
        assert_eq!(offset + bytes, CLIENT.len() as u64);
    }

    #[test]
    fn a_damaged_tail_is_told_after_what_was_whole() {
        let (lines, result) = listed(&CLIENT[..CLIENT.len() - 3], Format::Text);
        assert_eq!(lines.len(), 33);
        let words = result.unwrap_err().to_string();
        assert!(words.contains("the recording ends inside a message"), "{words}");
        let (lines, result) = listed(b"", Format::Text);
        assert_eq!((lines.len(), result.unwrap()), (0, 0));
    }
}
