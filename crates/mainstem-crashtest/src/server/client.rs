//! A client of the Kinesis API: one connection, kept alive, and JSON.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A connection to the server.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    stream: TcpStream,
    received: Vec<u8>,
}

/// Why a call has no output.
#[derive(Debug)]
pub(super) enum CallError {
    /// The connection failed: what was asked for may have happened.
    Cut(std::io::Error),
    /// The server refused with the error of this name and text; nothing has happened.
    Refused(String, String),
    /// The server said something else: its status and its text.
    Failed(u16, String),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cut(error) => write!(f, "the connection was cut: {error}"),
            Self::Refused(name, text) => write!(f, "{name}: {text}"),
            Self::Failed(status, text) => write!(f, "status {status}: {text}"),
        }
    }
}

impl From<std::io::Error> for CallError {
    fn from(error: std::io::Error) -> Self {
        Self::Cut(error)
    }
}

/// Longer than any pause that the harness makes: a server that is silent for so long hangs.
const SILENCE_MAX: Duration = Duration::from_secs(30);

impl Client {
    pub(super) fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(Self {
            address,
            stream,
            received: Vec::new(),
        })
    }

    /// Calls an operation and returns its output; `Null` if it has none.
    pub(super) fn call(&mut self, operation: &str, body: &Value) -> Result<Value, CallError> {
        let body = body.to_string();
        // Signatures are not checked yet; this has the form of one.
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: Kinesis_20131202.{operation}\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=CRASHTEST/20260101/us-east-1/kinesis/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={:064}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            0,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let (status, body) = self.answer()?;
        let text = || String::from_utf8_lossy(&body).into_owned();
        let json = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).map_err(|_| CallError::Failed(status, text()))?
        };
        match status {
            200 => Ok(json),
            400 => {
                let field = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
                let name = field("__type").ok_or_else(|| CallError::Failed(status, text()))?;
                let name = name.rsplit('#').next().unwrap_or_default().to_owned();
                Err(CallError::Refused(
                    name,
                    field("message").unwrap_or_default(),
                ))
            }
            _ => Err(CallError::Failed(status, text())),
        }
    }

    /// Reads one answer: its status and its body.
    fn answer(&mut self) -> Result<(u16, Vec<u8>), CallError> {
        let wrong = |what: &str| CallError::Failed(0, what.to_owned());
        let head_end = loop {
            let end = self.received.windows(4).position(|it| it == b"\r\n\r\n");
            if let Some(end) = end {
                break end.saturating_add(4);
            }
            self.receive()?;
        };
        let head: Vec<u8> = self.received.drain(..head_end).collect();
        let head = String::from_utf8(head).map_err(|_| wrong("a head that is no text"))?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| wrong("no status"))?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length
                .then(|| value.trim().parse::<usize>().ok())
                .flatten()
        });
        let length = length.ok_or_else(|| wrong("no length"))?;
        while self.received.len() < length {
            self.receive()?;
        }
        let body = self.received.drain(..length).collect();
        Ok((status, body))
    }

    fn receive(&mut self) -> std::io::Result<()> {
        let mut chunk = [0; 16 << 10];
        let count = self.stream.read(&mut chunk)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.received
            .extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }
}
