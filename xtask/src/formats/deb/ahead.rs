// SPDX-License-Identifier: GPL-2.0-only
//! A stream that is unpacked by a thread of its own, a little ahead of who reads it: unpacking a package
//! takes as long as looking at what comes out of it.
//!
//! Reached through `deb`. It must never hold more than a few pieces, or outlive its reader.

use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::mpsc::{sync_channel, Receiver, SendError, SyncSender};
use std::thread;

/// Bytes handed over at a time.
const PIECE: usize = 256 << 10;
/// Pieces that may wait to be read.
const WAITING: usize = 4;

type Piece = io::Result<Vec<u8>>;

/// What `reads` makes of the stream of `source`, errors of the stream among it.
pub(super) fn ahead<T>(source: impl Read + Send, reads: impl FnOnce(&mut dyn Read) -> T) -> T {
    let (sender, pieces) = sync_channel(WAITING);
    thread::scope(|scope| {
        // Where no one listens any more, enough was read.
        let feeder = scope.spawn(move || drop(feed(source, &sender)));
        let result = reads(&mut Pieces { pieces, current: Vec::new(), read: 0 });
        // The scope itself waits for the closure alone, and leaves the thread to end after it.
        feeder.join().unwrap_or_else(|panic| resume_unwind(panic));
        result
    })
}

/// Sends the stream, and behind it the error that it ends with.
fn feed(mut source: impl Read, sender: &SyncSender<Piece>) -> Result<(), SendError<Piece>> {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let end = source.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        let is_last = piece.len() < PIECE;
        sender.send(Ok(piece))?;
        if let Err(error) = end {
            return sender.send(Err(error));
        }
        if is_last {
            return Ok(());
        }
    }
}

/// The pieces as a stream again.
struct Pieces {
    pieces: Receiver<Piece>,
    current: Vec<u8>,
    read: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.current.len() {
            match self.pieces.recv() {
                Ok(piece) => (self.current, self.read) = (piece?, 0),
                Err(_) => return Ok(0),
            }
        }
        let got = (&self.current[self.read..]).read(buffer)?;
        self.read += got;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::{ahead, PIECE, WAITING};
    use std::io::{self, Read};

    /// Bytes up to a place, and an error there.
    struct Breaks(u64);

    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("broken"));
            }
            let got = io::repeat(7).take(self.0).read(buffer)?;
            self.0 -= got as u64;
            Ok(got)
        }
    }

    #[test]
    fn all_of_it_and_then_the_error() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, (WAITING + 3) * PIECE] {
            let mut read = Vec::new();
            let whole = ahead(io::repeat(7).take(size as u64), |r| r.read_to_end(&mut read).unwrap());
            assert_eq!((whole, read.iter().all(|b| *b == 7)), (size, true));
            read.clear();
            let error = ahead(Breaks(size as u64), |r| r.read_to_end(&mut read).unwrap_err());
            assert_eq!((read.len(), error.to_string().as_str()), (size, "broken"));
        }
    }

    #[test]
    fn who_stops_reading_is_not_waited_for() {
        let first = ahead(io::repeat(7), |r| {
            let mut first = [0; 3];
            r.read_exact(&mut first).map(|()| first)
        });
        assert_eq!(first.unwrap(), [7; 3]);
    }
}
