// SPDX-License-Identifier: GPL-2.0-only
//! distcc's protocol, version 1: a request is a command line and a preprocessed source, an answer a status, what was
//! said on stderr and stdout, and an object. Whether a compiler may be given such a command line is
//! [`compile`](super::compile)'s matter.
//!
//! Everything is a packet: four letters, a number in eight hexadecimal digits, and where the number is a
//! length, that many bytes (distcc's `doc/protocol-1.txt`). Called by `build/farm`.

use std::io::Read;

use super::FormatError;

/// No answer to a question of ours is longer; what is comes from something that is no distcc.
pub const LONGEST: usize = 1 << 20;

/// Words of a command line, and bytes in them; the kernel's longest have a tenth of it.
const WORDS: usize = 4096;
const COMMAND: usize = 64 << 10;
/// Bytes of a preprocessed source; the kernel's largest have a quarter of it.
const SOURCE: usize = 64 << 20;

/// What a worker answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As `wait(2)` gives it: 0 is success.
    pub status: u32,
    pub stderr: String,
    pub object: Vec<u8>,
}

/// The bytes of a request to run `command` (the compiler first) on the preprocessed text `source`.
pub fn request(command: &[impl AsRef<str>], source: impl AsRef<[u8]>) -> Vec<u8> {
    let (mut bytes, source) = (Vec::new(), source.as_ref());
    number(&mut bytes, "DIST", 1);
    number(&mut bytes, "ARGC", command.len());
    for word in command.iter().map(AsRef::as_ref) {
        number(&mut bytes, "ARGV", word.len());
        bytes.extend_from_slice(word.as_bytes());
    }
    number(&mut bytes, "DOTI", source.len());
    bytes.extend_from_slice(source);
    bytes
}

/// A request, whole and within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The compiler, then its arguments: text without control characters. Nothing else has been checked.
    pub command: Vec<String>,
    /// The preprocessed source.
    pub source: Vec<u8>,
}

impl Request {
    /// Reads a request and nothing behind it, in the memory that its bytes need. Version 1 alone is read: in version 2
    /// everything is compressed, and version 3 has the worker preprocess, with files of the client.
    ///
    /// # Errors
    /// It ends early, is of another protocol or version, or is too large.
    pub fn read(from: &mut impl Read) -> Result<Self, FormatError> {
        let version = head(from, "DIST")?;
        if version != 1 {
            return Err(bad(b"DIST", format!("version {version} of the protocol is not served, only version 1")));
        }
        let words = head(from, "ARGC")?;
        if words > WORDS {
            return Err(bad(b"ARGC", format!("{words} arguments are too many")));
        }
        let mut command = Vec::new();
        let mut left = COMMAND;
        for _ in 0..words {
            let word = sized(from, "ARGV", left)?;
            left -= word.len();
            let word = String::from_utf8(word).ok().filter(|w| !w.chars().any(char::is_control));
            command.push(word.ok_or_else(|| bad(b"ARGV", "an argument is not plain text"))?);
        }
        Ok(Self { command, source: sized(from, "DOTI", SOURCE)? })
    }

    /// The bytes that are read as this request.
    pub fn bytes(&self) -> Vec<u8> {
        request(&self.command, &self.source)
    }
}

/// The bytes of an answer that nothing was compiled, and why. A client then compiles by itself.
pub fn refusal(why: &str) -> Vec<u8> {
    let mut bytes = ANSWER.to_vec();
    // Exit status 1, as wait(2) gives it.
    number(&mut bytes, "STAT", 0x100);
    number(&mut bytes, "SERR", why.len());
    bytes.extend_from_slice(why.as_bytes());
    number(&mut bytes, "SOUT", 0);
    number(&mut bytes, "DOTO", 0);
    bytes
}

/// Does an answer of which these are the first [`BEGINNING`] bytes bring an object?
pub fn compiled(beginning: &[u8]) -> bool {
    beginning.strip_prefix(ANSWER) == Some(b"STAT00000000")
}

fn head(from: &mut impl Read, name: &str) -> Result<usize, FormatError> {
    let mut bytes = [0; 12];
    from.read_exact(&mut bytes).map_err(|_| bad(name.as_bytes(), "the request ends early"))?;
    let number = packet(&mut &bytes[..], name)?;
    usize::try_from(number).map_err(|_| bad(&bytes, "too large"))
}

/// The bytes of a packet, at most `most` of them.
fn sized(from: &mut impl Read, name: &str, most: usize) -> Result<Vec<u8>, FormatError> {
    let length = head(from, name)?;
    if length > most {
        return Err(bad(name.as_bytes(), format!("{length} bytes are too many")));
    }
    let mut bytes = Vec::new();
    // Memory grows with what comes, not with what is announced.
    let read = from.take(length as u64).read_to_end(&mut bytes);
    if read.is_err() || bytes.len() != length {
        return Err(bad(name.as_bytes(), "the request ends early"));
    }
    Ok(bytes)
}

fn number(bytes: &mut Vec<u8>, name: &str, value: usize) {
    bytes.extend_from_slice(format!("{name}{value:08x}").as_bytes());
}

/// How an answer begins, from the first worker's byte on.
pub const ANSWER: &[u8] = b"DONE00000001";
/// The part of an answer that [`compiled`] wants: the greeting and the status.
pub const BEGINNING: usize = 24;

/// Reads all bytes of an answer.
///
/// # Errors
/// It ends early or is of another protocol.
pub fn answer(bytes: &[u8]) -> Result<Answer, FormatError> {
    let mut left = bytes.strip_prefix(ANSWER).ok_or_else(|| bad(bytes, "no answer of distcc's"))?;
    let status = packet(&mut left, "STAT")?;
    let stderr = body(&mut left, "SERR")?;
    body(&mut left, "SOUT")?;
    let object = body(&mut left, "DOTO")?;
    Ok(Answer { status, stderr: String::from_utf8_lossy(stderr).into_owned(), object: object.to_vec() })
}

fn packet(left: &mut &[u8], name: &str) -> Result<u32, FormatError> {
    let (head, rest) = left.split_at_checked(12).ok_or_else(|| bad(left, "the answer ends early"))?;
    let value = head.strip_prefix(name.as_bytes()).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    let value = value.and_then(|hex| u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
    *left = rest;
    value.ok_or_else(|| bad(head, format!("no packet `{name}`")))
}

fn body<'a>(left: &mut &'a [u8], name: &str) -> Result<&'a [u8], FormatError> {
    let length = packet(left, name)?;
    let split = usize::try_from(length).ok().and_then(|length| left.split_at_checked(length));
    let (body, rest) = split.ok_or_else(|| bad(left, "the answer ends early"))?;
    *left = rest;
    Ok(body)
}

fn bad(bytes: &[u8], message: impl Into<String>) -> FormatError {
    FormatError::new(&String::from_utf8_lossy(&bytes[..bytes.len().min(40)]), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_packets() {
        let bytes = request(&["gcc", "-c", "a.c"], "int a;");
        let want = "DIST00000001ARGC00000003ARGV00000003gccARGV00000002-cARGV00000003a.cDOTI00000006int a;";
        assert_eq!(String::from_utf8(bytes).unwrap(), want);
    }

    #[test]
    fn a_request_is_read_or_refused() {
        let want = Request { command: vec!["gcc".into(), "-c".into(), String::new()], source: b"int a;".to_vec() };
        let bytes = want.bytes();
        assert_eq!(Request::read(&mut &bytes[..]), Ok(want));
        for length in 0..bytes.len() {
            assert!(Request::read(&mut &bytes[..length]).is_err(), "{length}");
        }
        for bad in [
            "DIST00000002ARGC00000001ARGV00000003gccDOTI00000000",
            "DIST00000003CDIR00000001/ARGC00000001ARGV00000003gccNFIL00000000",
            "GET / HTTP/1.1\r\n\r\n",
            "DIST00000001ARGCffffffffARGV00000003gcc",
            "DIST00000001ARGC00000001ARGVffffffffgcc",
            "DIST00000001ARGC00000001ARGV00000003g\ncDOTI00000000",
            "DIST00000001ARGC00000001ARGV00000003gccDOTIffffffff",
            "DIST00000001ARGC0000000-ARGV00000003gccDOTI00000000",
            "DIST00000001ARGC+0000001ARGV00000003gccDOTI00000000",
        ] {
            assert!(Request::read(&mut bad.as_bytes()).is_err(), "{bad}");
        }
        // Words of no bytes are counted too.
        let many = format!("DIST00000001ARGC{:08x}{}DOTI00000000", WORDS + 1, "ARGV00000000".repeat(WORDS + 1));
        assert!(Request::read(&mut many.as_bytes()).is_err());
    }

    #[test]
    fn a_refusal_is_an_answer_without_an_object() {
        let read = answer(&refusal("no")).unwrap();
        assert_eq!((read.status, read.stderr.as_str(), read.object.len()), (0x100, "no", 0));
        assert!(!compiled(&refusal("no")[..BEGINNING]) && compiled(b"DONE00000001STAT00000000"));
        assert!(!compiled(b"DONE00000001"));
    }

    #[test]
    fn an_answer_is_read_or_refused() {
        let whole = b"DONE00000001STAT00000000SERR00000004hi\n!SOUT00000000DOTO00000003\x7fEL";
        let want = Answer { status: 0, stderr: "hi\n!".into(), object: b"\x7fEL".to_vec() };
        assert_eq!(answer(whole).unwrap(), want);
        // Cut anywhere it is refused, and nothing panics.
        for length in 0..whole.len() {
            assert!(answer(&whole[..length]).is_err(), "{length}");
        }
        for other in [&b"SSH-2.0-OpenSSH"[..], b"DONE00000001STATxxxxxxxx", b"DONE00000001STAT00000000SERRffffffffhi"] {
            assert!(answer(other).is_err());
        }
        let empty = b"DONE00000001STAT00000100SERR00000000SOUT00000000DOTO00000000";
        assert_eq!(answer(empty).unwrap().status, 256);
    }
}
