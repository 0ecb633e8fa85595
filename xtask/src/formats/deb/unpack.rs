// SPDX-License-Identifier: GPL-2.0-only
//! What the members of a package, and files in it, are packed with: streams with a bound on memory and on
//! how much comes out.
//!
//! Reached through `deb` and `packages`. It must never unpack more than the limits it was given.

use std::io::{self, Read};

use super::error::DebError;

/// What xz may take: its strongest preset needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;
/// What zstd may look back: 2²⁷ bytes, as its own program does unless told otherwise.
const ZSTD_WINDOW: u32 = 27;
/// A package is no bomb while it stays below this, whatever its ratio.
const HARMLESS: u64 = 64 << 20;
/// More than 100 times is more than source text, zeroed tables and symbol files come to.
const RATIO: u64 = 100;
/// No package of a kernel unpacks to more: generic's debugging symbols are 7 GB.
const MOST: u64 = 32 << 30;

/// What a file in a package may unpack to: the image of a distribution's kernel is half of it.
const LARGEST: u64 = 96 << 20;

/// The kinds that dpkg reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Packing {
    /// By the end of a name: `control.tar.xz`, `tun.ko.zst`, `vmlinuz` has none.
    pub fn of_name(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some("gz") => Packing::Gzip,
            Some("xz") => Packing::Xz,
            Some("zst") => Packing::Zstd,
            _ => Packing::None,
        }
    }

    /// By the first bytes of the content.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            _ => Packing::None,
        }
    }

    /// What is packed in `reader`.
    ///
    /// # Errors
    /// The unpacker cannot be made.
    pub fn open<'a, R: Read + Send + 'a>(self, reader: R) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Packing::None => Box::new(reader),
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(reader)),
            Packing::Xz => {
                let flags = liblzma::stream::CONCATENATED;
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags).map_err(io::Error::other)?;
                Box::new(liblzma::read::XzDecoder::new_stream(reader, stream))
            }
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(reader)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Box::new(decoder)
            }
        })
    }

    /// All that is packed in `bytes`, unless it is damaged, has something else behind it, or is more than any file
    /// of a kernel. `left` is what may yet be unpacked of the files of one package, and becomes less by it.
    pub fn unpack(self, bytes: &[u8], left: &mut u64) -> Option<Vec<u8>> {
        let most = LARGEST.min(*left);
        let mut out = Vec::new();
        let read = self.open(bytes).ok()?.take(most + 1).read_to_end(&mut out);
        *left = left.saturating_sub(out.len() as u64);
        (out.len() as u64 <= most && read.is_ok()).then_some(out)
    }
}

/// Ends a stream that has grown to more than `packed` bytes can honestly hold.
pub(super) struct Limited<R> {
    pub inner: R,
    pub packed: u64,
    pub unpacked: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.unpacked += got as u64;
        let honest = HARMLESS.max(self.packed.saturating_mul(RATIO)).min(MOST);
        if self.unpacked > honest {
            return Err(io::Error::other(DebError::Bomb { unpacked: self.unpacked, packed: self.packed }));
        }
        Ok(got)
    }
}
