//! Writes typed outputs as JSON, straight into the body.

use crate::json::base64_text;
use bytes::Bytes;

/// Builds a JSON text.
///
/// Members and items are separated on their own; the caller keeps `begin` and `end` in pairs.
#[derive(Debug, Default)]
pub struct JsonWriter {
    out: Vec<u8>,
    /// Whether something precedes in the innermost object or list, so that a comma is due.
    comma: bool,
}

/// A type that can be written as JSON.
pub trait WriteJson {
    /// Writes `self` as one JSON value.
    fn write_json(&self, writer: &mut JsonWriter);
}

impl JsonWriter {
    /// Starts with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
            comma: false,
        }
    }

    /// Returns the text written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Opens an object.
    pub fn begin_object(&mut self) {
        self.open(b'{');
    }

    /// Closes the innermost object.
    pub fn end_object(&mut self) {
        self.close(b'}');
    }

    /// Opens a list.
    pub fn begin_list(&mut self) {
        self.open(b'[');
    }

    /// Closes the innermost list.
    pub fn end_list(&mut self) {
        self.close(b']');
    }

    /// Writes a member of the innermost object.
    pub fn member<T: WriteJson + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        value.write_json(self);
    }

    /// Writes a member that is a point in time, given in milliseconds since the epoch.
    pub fn timestamp_member(&mut self, name: &str, milliseconds: &i64) {
        self.name(name);
        self.timestamp(*milliseconds);
    }

    /// Writes a text with the escapes JSON demands.
    pub fn string(&mut self, text: &str) {
        self.separate();
        self.out.push(b'"');
        self.escaped(text);
        self.out.push(b'"');
    }

    /// Writes bytes as a text in base64.
    pub fn blob(&mut self, bytes: &[u8]) {
        self.separate();
        self.out.push(b'"');
        base64_text::append(&mut self.out, bytes);
        self.out.push(b'"');
    }

    /// Writes a number.
    pub fn integer(&mut self, number: i64) {
        self.separate();
        self.out.extend_from_slice(number.to_string().as_bytes());
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.separate();
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Writes milliseconds since the epoch as seconds with three decimals.
    pub fn timestamp(&mut self, milliseconds: i64) {
        self.separate();
        let sign = if milliseconds < 0 { "-" } else { "" };
        let (s, ms) = (
            milliseconds.unsigned_abs() / 1000,
            milliseconds.unsigned_abs() % 1000,
        );
        self.out
            .extend_from_slice(format!("{sign}{s}.{ms:03}").as_bytes());
    }

    fn name(&mut self, name: &str) {
        self.string(name);
        self.out.push(b':');
        self.comma = false;
    }

    fn open(&mut self, bracket: u8) {
        self.separate();
        self.out.push(bracket);
        self.comma = false;
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(position) = rest.bytes().position(needs_escape) {
            let (plain, special) = rest.split_at(position);
            self.out.extend_from_slice(plain.as_bytes());
            let mut chars = special.chars();
            if let Some(c) = chars.next() {
                self.escape(c);
            }
            rest = chars.as_str();
        }
        self.out.extend_from_slice(rest.as_bytes());
    }

    fn escape(&mut self, c: char) {
        match c {
            '"' => self.out.extend_from_slice(br#"\""#),
            '\\' => self.out.extend_from_slice(br"\\"),
            '\n' => self.out.extend_from_slice(br"\n"),
            '\r' => self.out.extend_from_slice(br"\r"),
            '\t' => self.out.extend_from_slice(br"\t"),
            c => self
                .out
                .extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
        }
    }
}

/// Tells whether JSON demands an escape for this byte of a text; all such are single characters.
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

impl WriteJson for str {
    fn write_json(&self, writer: &mut JsonWriter) {
        writer.string(self);
    }
}

impl WriteJson for String {
    fn write_json(&self, writer: &mut JsonWriter) {
        writer.string(self);
    }
}

impl WriteJson for i32 {
    fn write_json(&self, writer: &mut JsonWriter) {
        writer.integer(i64::from(*self));
    }
}

impl WriteJson for i64 {
    fn write_json(&self, writer: &mut JsonWriter) {
        writer.integer(*self);
    }
}

impl WriteJson for bool {
    fn write_json(&self, writer: &mut JsonWriter) {
        writer.boolean(*self);
    }
}

impl WriteJson for Bytes {
    fn write_json(&self, writer: &mut JsonWriter) {
        writer.blob(self);
    }
}

impl<T: WriteJson> WriteJson for Vec<T> {
    fn write_json(&self, writer: &mut JsonWriter) {
        writer.begin_list();
        for item in self {
            item.write_json(writer);
        }
        writer.end_list();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut JsonWriter)) -> String {
        let mut writer = JsonWriter::default();
        write(&mut writer);
        String::from_utf8(writer.into_bytes()).unwrap()
    }

    #[test]
    fn commas_between_members_and_items() {
        let text = written(|w| {
            w.begin_object();
            w.member("A", &vec![1, -2]);
            w.member("B", "x");
            w.member("C", &Vec::<i32>::new());
            w.member("D", &true);
            w.end_object();
        });
        assert_eq!(text, r#"{"A":[1,-2],"B":"x","C":[],"D":true}"#);
    }

    #[test]
    fn times_have_three_decimals() {
        for (milliseconds, expected) in [
            (0, "0.000"),
            (1_700_000_000_123, "1700000000.123"),
            (1005, "1.005"),
            (-1, "-0.001"),
        ] {
            assert_eq!(written(|w| w.timestamp(milliseconds)), expected);
        }
    }

    #[test]
    fn blobs_are_padded() {
        for (bytes, expected) in [
            (&b""[..], r#""""#),
            (b"a", r#""YQ==""#),
            (b"ab", r#""YWI=""#),
            (b"abc", r#""YWJj""#),
        ] {
            assert_eq!(written(|w| w.blob(bytes)), expected);
        }
    }

    proptest! {
        #[test]
        fn texts_read_back(text: String) {
            let json = written(|w| w.string(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
