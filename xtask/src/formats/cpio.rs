// SPDX-License-Identifier: GPL-2.0-only
//! The archive that the kernel unpacks as its first root: cpio in the form `newc`
//! (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel).
//!
//! `boot` writes one. Everything in it belongs to root, whoever owns the files here, and it can hold device
//! files that nobody but root could make: so nobody has to be root, or pretend to be.

use std::io::{self, Read, Write};

/// The largest file that a header's eight digits can tell.
pub const LARGEST: u64 = 0xffff_ffff;
const ALIGN: u64 = 4;

/// Writes entry after entry; [`Writer::finish`] writes the end.
pub struct Writer<W> {
    out: W,
    inode: u64,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Self {
        Self { out, inode: 0 }
    }

    /// A directory at `path`, relative to the root and without a `/` before it, with permission bits.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        self.header(path, 0o040_000 | mode, 0, (0, 0))
    }

    /// A file with `size` bytes out of `content`.
    ///
    /// # Errors
    /// It cannot be written; there is less content than that, or it is larger than [`LARGEST`].
    pub fn file(&mut self, path: &str, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()> {
        if size > LARGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{path} is too large for cpio")));
        }
        self.header(path, 0o100_000 | mode, size, (0, 0))?;
        if io::copy(&mut content.take(size), &mut self.out)? != size {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{path} has become shorter")));
        }
        self.pad(size)
    }

    /// A symbolic link.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn symlink(&mut self, path: &str, target: &str) -> io::Result<()> {
        let size = target.len() as u64;
        self.header(path, 0o120_777, size, (0, 0))?;
        self.out.write_all(target.as_bytes())?;
        self.pad(size)
    }

    /// A character device with its major and minor number.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn device(&mut self, path: &str, mode: u32, numbers: (u32, u32)) -> io::Result<()> {
        self.header(path, 0o020_000 | mode, 0, numbers)
    }

    /// Writes the end and gives back what was written to.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.header("TRAILER!!!", 0, 0, (0, 0))?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// The fields in the order of the format: inode, mode, owner, group, links, time, size, the device that it
    /// is on, the device that it is, the length of the name with its NUL, and a checksum that this form leaves out.
    fn header(&mut self, path: &str, mode: u32, size: u64, device: (u32, u32)) -> io::Result<()> {
        self.inode += 1;
        let (inode, name) = (self.inode, path.len() as u64 + 1);
        let fields =
            [inode, u64::from(mode), 0, 0, 1, 0, size, 0, 0, u64::from(device.0), u64::from(device.1), name, 0];
        self.out.write_all(b"070701")?;
        for field in fields {
            write!(self.out, "{field:08x}")?;
        }
        self.out.write_all(path.as_bytes())?;
        self.out.write_all(&[0])?;
        self.pad(6 + 13 * 8 + name)
    }

    fn pad(&mut self, written: u64) -> io::Result<()> {
        let missing = (ALIGN - written % ALIGN) % ALIGN;
        self.out.write_all(&[0; ALIGN as usize][..usize::try_from(missing).unwrap_or(0)])
    }
}

#[cfg(test)]
mod tests {
    use super::Writer;

    #[test]
    fn headers_and_padding() {
        let mut archive = Writer::new(Vec::new());
        archive.directory("dev", 0o755).unwrap();
        archive.device("dev/console", 0o600, (5, 1)).unwrap();
        archive.file("a", 0o644, 5, &mut &b"hello and more"[..]).unwrap();
        archive.symlink("b", "a").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.starts_with(b"07070100000001000041ed"));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("hello\0\0\x00070701") && !text.contains("and more"), "{text}");
        assert!(text.contains("0000000500000001"), "{text}");
    }

    #[test]
    fn a_file_that_has_become_shorter_is_an_error() {
        let mut archive = Writer::new(Vec::new());
        for name in ["x", "xy", "xyz", "wxyz"] {
            archive.file(name, 0o600, name.len() as u64, &mut name.as_bytes()).unwrap();
        }
        let error = archive.file("short", 0o600, 9, &mut &b"x"[..]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        let sizes = archive.finish().unwrap().windows(6).filter(|w| w == b"070701").count();
        assert_eq!(sizes, 6);
    }
}
