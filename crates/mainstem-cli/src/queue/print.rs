//! How a message is printed.

use std::fmt::Write as _;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use mainstem_queue::{DeadMessage, Delivery};
use serde_json::{Value, json};

/// In which form messages are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// A line per message, tabs between the fields; what would break the line is escaped as in \n, \t
    /// or \xff
    Text,
    /// A JSON object per line; a payload that is no UTF-8 is `payload_base64`
    Json,
    /// The bytes of the payload and a line end; receipts go to standard error
    Raw,
}

impl Format {
    /// Prints a delivery; `is_answered` if nobody will need its receipt.
    pub(crate) fn delivery(
        self,
        out: &mut impl Write,
        delivery: &Delivery,
        is_answered: bool,
    ) -> io::Result<()> {
        let (receipt, id, attempts) = (delivery.receipt(), delivery.id(), delivery.attempts());
        match self {
            Self::Text => {
                let payload = escaped(delivery.payload());
                writeln!(out, "{receipt}\t{id}\t{attempts}\t{payload}")
            }
            Self::Json => {
                let mut object = json!({
                    "receipt": receipt.to_string(),
                    "id": id.0,
                    "attempts": attempts,
                    "pushed_ms": delivery.pushed_ms(),
                });
                bytes_into(&mut object, "payload", delivery.payload());
                if !delivery.key().is_empty() {
                    bytes_into(&mut object, "key", delivery.key());
                }
                writeln!(out, "{object}")
            }
            Self::Raw => {
                if !is_answered {
                    eprintln!("{receipt}");
                }
                out.write_all(delivery.payload())?;
                out.write_all(b"\n")
            }
        }
    }

    /// Prints a dead message.
    pub(crate) fn dead(self, out: &mut impl Write, dead: &DeadMessage) -> io::Result<()> {
        let (id, attempts) = (dead.id, dead.attempts);
        match self {
            Self::Text => {
                let reason = escaped(dead.reason.as_bytes());
                let payload = escaped(&dead.payload);
                writeln!(out, "{id}\t{attempts}\t{reason}\t{payload}")
            }
            Self::Json => {
                let mut object = json!({
                    "id": id.0,
                    "attempts": attempts,
                    "pushed_ms": dead.pushed_ms,
                    "died_ms": dead.died_ms,
                    "reason": dead.reason,
                });
                bytes_into(&mut object, "payload", &dead.payload);
                writeln!(out, "{object}")
            }
            Self::Raw => {
                out.write_all(&dead.payload)?;
                out.write_all(b"\n")
            }
        }
    }
}

/// Puts bytes into a JSON object: as text if they are text.
fn bytes_into(object: &mut Value, name: &str, bytes: &[u8]) {
    let Value::Object(fields) = object else {
        return;
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => fields.insert(name.to_owned(), text.into()),
        Err(_) => fields.insert(format!("{name}_base64"), STANDARD.encode(bytes).into()),
    };
}

/// Returns bytes as text that has no line end, no tab and nothing that a terminal would obey.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for it in chunk.valid().chars() {
            match it {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                it if it.is_control() => text.extend(it.escape_unicode()),
                it => text.push(it),
            }
        }
        for byte in chunk.invalid() {
            let _infallible = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_escaped() {
        assert_eq!(escaped("grün 4".as_bytes()), "grün 4");
        assert_eq!(
            escaped(b"a\tb\nc\\d\r\x1b[1m\xff"),
            "a\\tb\\nc\\\\d\\r\\u{1b}[1m\\xff"
        );
    }
}
