// SPDX-License-Identifier: GPL-2.0-only
//! distcc's protocol, version 1, as far as asking one question of a worker needs it: a request is a command
//! line and a preprocessed source, an answer a status, what was said on stderr and stdout, and an object.
//!
//! Everything is a packet: four letters, a number in eight hexadecimal digits, and where the number is a
//! length, that many bytes (distcc's `doc/protocol-1.txt`). Called by `build/farm`.

use super::FormatError;

/// No answer to a question of ours is longer; what is comes from something that is no distcc.
pub const LONGEST: usize = 1 << 20;

/// What a worker answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As `wait(2)` gives it: 0 is success.
    pub status: u32,
    pub stderr: String,
    pub object: Vec<u8>,
}

/// The bytes of a request to run `command` (the compiler first) on the preprocessed text `source`.
pub fn request(command: &[&str], source: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    number(&mut bytes, "DIST", 1);
    number(&mut bytes, "ARGC", command.len());
    for word in command {
        number(&mut bytes, "ARGV", word.len());
        bytes.extend_from_slice(word.as_bytes());
    }
    number(&mut bytes, "DOTI", source.len());
    bytes.extend_from_slice(source.as_bytes());
    bytes
}

fn number(bytes: &mut Vec<u8>, name: &str, value: usize) {
    bytes.extend_from_slice(format!("{name}{value:08x}").as_bytes());
}

/// How an answer begins, from the first worker's byte on.
pub const ANSWER: &[u8] = b"DONE00000001";

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
    let value =
        head.strip_prefix(name.as_bytes()).and_then(|hex| u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
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
