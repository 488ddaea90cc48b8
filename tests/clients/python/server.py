"""A Mainstem server as a process of its own, to be started, killed and started again."""

import os
import re
import signal
import subprocess
import threading

import boto3
from botocore.config import Config

ACCOUNT = "000000000000"
REGION = "us-east-1"
LISTENING = re.compile(r"listening on (http://127\.0\.0\.1:(\d+))")
# Only a hung server takes this long; no test depends on being faster.
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60


def binary():
    """The path of the `mainstem` binary under test."""
    path = os.environ.get("MAINSTEM_BIN")
    if not path:
        raise RuntimeError("MAINSTEM_BIN names no binary; run `cargo xtask test python`")
    return path


class Server:
    """One data directory and the server process on it, if one runs."""

    def __init__(self, data):
        self.data = str(data)
        self.port = 0
        self.url = None
        self.process = None
        self.output = []
        self._changed = threading.Condition()

    def start(self):
        """Starts the server and waits until it says where it listens.

        A server that was started before listens on the same port again.
        """
        self.spawn()
        self.wait_until_listening()
        return self

    def spawn(self):
        """Starts the process and waits for nothing."""
        assert self.process is None, "the server runs already"
        self.output = []
        self.url = None
        self.process = subprocess.Popen(
            [binary(), "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def wait_until_listening(self):
        """Waits for the line that says where the server listens."""
        with self._changed:
            self._changed.wait_for(lambda: self.url or self.process.poll() is not None
                                   or self.output[-1:] == [None], START_SECONDS_MAX)
        if self.url is None:
            raise RuntimeError("the server did not start:\n" + self.text())

    def kill(self):
        """Ends the process with SIGKILL."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self):
        """Asks the process to end with SIGTERM and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS_MAX)
        self.process = None
        return status

    def close(self):
        """Ends the process, however it is."""
        if self.process is not None:
            self.kill()

    def text(self):
        """What the process has written so far."""
        return "".join(line for line in self.output if line is not None)

    def client(self, **config):
        """A boto3 client of this server."""
        return client(self.url, **config)

    def _read(self, process):
        for line in process.stdout:
            with self._changed:
                if process is self.process:
                    self.output.append(line)
                    found = LISTENING.search(line)
                    if found and self.url is None:
                        self.url, self.port = found.group(1), int(found.group(2))
                self._changed.notify_all()
        with self._changed:
            if process is self.process:
                self.output.append(None)
            self._changed.notify_all()


def client(url, **config):
    """A boto3 client of the server at `url`, with credentials that mean nothing."""
    config.setdefault("retries", {"mode": "standard", "total_max_attempts": 10})
    return boto3.session.Session().client(
        "kinesis",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(**config),
    )
