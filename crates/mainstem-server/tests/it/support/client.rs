//! HTTP/1.1 by hand, so that the tests see every byte.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// One connection that is kept open.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns a header; names in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns the error's name and text, and checks that it is one with this status.
    pub(crate) fn error(&self, status: u16) -> (String, String) {
        assert_eq!(self.status, status, "{}", self.text());
        let json = self.json();
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        (text("__type"), text("message"))
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Calls an operation with a body in JSON.
    pub(crate) fn call(&mut self, operation: &str, body: &Value) -> Answer {
        let target = format!("Kinesis_20131202.{operation}");
        let headers = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", &target),
        ];
        self.request("POST", "/", &headers, body.to_string().as_bytes())
    }

    /// Calls an operation that must succeed, and returns its output; `Null` for an empty body.
    pub(crate) fn ok(&mut self, operation: &str, body: &Value) -> Value {
        let answer = self.call(operation, body);
        assert_eq!(answer.status, 200, "{operation} {body}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("application/x-amz-json-1.1")
        );
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// Sends a request and reads the answer.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.send(&head_and_body(method, path, headers, body));
        self.read()
    }

    /// Makes reading fail if the server is silent for so long.
    pub(crate) fn give_up_after(&mut self, silence: Duration) {
        self.stream.set_read_timeout(Some(silence)).unwrap();
    }

    /// Waits for the beginning of an answer and leaves it unread.
    pub(crate) fn peek(&self) {
        assert_eq!(self.stream.peek(&mut [0]).unwrap(), 1);
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads one answer.
    pub(crate) fn read(&mut self) -> Answer {
        let head_end = self.read_until(|bytes| {
            bytes
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
                .map(|at| at + 4)
        });
        let head: Vec<u8> = self.received.drain(..head_end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: Vec<_> = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if status >= 200 {
            let length: usize = answer.header("content-length").unwrap().parse().unwrap();
            self.read_until(|bytes| (bytes.len() >= length).then_some(length));
            answer.body = self.received.drain(..length).collect();
        }
        answer
    }

    /// Tells whether the server closes the connection without sending more.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset says the same as an end.
        let _ = self.stream.read_to_end(&mut rest);
        self.received.is_empty() && rest.is_empty()
    }

    fn read_until(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> usize {
        loop {
            if let Some(end) = end(&self.received) {
                return end;
            }
            let mut buffer = vec![0; 64 * 1024];
            let n = self.stream.read(&mut buffer).unwrap();
            assert!(
                n > 0,
                "closed after {:?}",
                String::from_utf8_lossy(&self.received)
            );
            self.received.extend_from_slice(&buffer[..n]);
        }
    }
}

/// Returns a request as bytes, with its content length.
pub(crate) fn head_and_body(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("Content-Length: ");
    head.push_str(&body.len().to_string());
    head.push_str("\r\n\r\n");
    [head.as_bytes(), body].concat()
}
