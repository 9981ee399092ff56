"""The sockets of a scripted server: connections, threads, and answers that go wrong on the wire."""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from runner.scripted.app import App, Request, split_path
from runner.scripted.faults import Fault
from runner.scripted.replies import HangUp, HttpAnswer, HttpStream

BODY_CAP = 64 * 1024 * 1024  # bytes of one request
_SPOILT_BODIES = {
    "garbage": (b'{"type": "message", "content": [', "application/json"),
    "html": (b"<html><body>Please sign in</body></html>", "text/html"),
    "not-a-reply": (b'{"object": "list", "data": []}', "application/json"),
}
_HALVED = ("half", "crash")


@dataclass(frozen=True)
class Recorded:
    """A request that was answered, and how."""

    path: str
    headers: Mapping[str, str]
    body: object
    status: int


class HttpServer(ThreadingHTTPServer):
    """Serves an `App`; `crash` is called when an answer is to be the last."""

    request_queue_size = 128

    def __init__(
        self,
        app: App,
        log: deque[Recorded],
        address: tuple[str, int] = ("127.0.0.1", 0),
        crash: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(address, _Handler)
        self.app = app
        self.log = log
        self.crash = crash
        self.stopping = threading.Event()
        self.open: set[socket.socket] = set()
        self.serving: set[threading.Thread] = set()
        self.lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own.

        `stop` joins it, so that no socket outlives the server. It is a daemon all the same: a
        program that ends without a `stop` must not wait for an answer that nobody wants.
        """
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self.lock:
            self.serving = {each for each in self.serving if each.is_alive()}
            self.serving.add(thread)
            thread.start()

    def stop(self) -> None:
        """Stop serving, end every connection and wait for its thread."""
        self.shutdown()
        self.stopping.set()
        with self.lock:
            for connection in self.open:
                _end(connection)
        for thread in self.serving:
            thread.join()
        self.server_close()


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was first


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body: two would wait for an acknowledgement
    disable_nagle_algorithm = True
    server: HttpServer

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.open.add(self.connection)
            if self.server.stopping.is_set():
                _end(self.connection)

    def finish(self) -> None:
        with self.server.lock:
            self.server.open.discard(self.connection)
        try:
            super().finish()
        except ConnectionError:
            self.rfile.close()

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Keep the terminal quiet."""

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        began = time.monotonic()
        prefix, path = split_path(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, prefix, path, headers, 0)
        app = self.server.app
        if request.is_call:
            number = app.next_number(prefix)
            request = Request(self.command, prefix, path, headers, number)
        fault = app.fault(request)
        if fault and fault.kind == "drop":
            self._hang_up()
            return
        body = self.rfile.read(min(int(headers.get("content-length") or 0), BODY_CAP))
        spec = app.spec_for(prefix) if request.is_call else None
        latency_s = spec.latency_s if spec else 0.0
        prepared = app.prepare(request, body, latency_s)
        self.server.log.append(Recorded(self.path, headers, _decoded(body), prepared.answer.status))
        if fault and self._leaves_unanswered(fault):
            return
        # The rest of what the answer is to take; the client may be gone when it is over.
        self.server.stopping.wait(max(0.0, latency_s - (time.monotonic() - began)))
        prepared.begin()
        if isinstance(prepared.answer, HttpStream):
            self._stream(prepared.answer)
        else:
            self._send(prepared.answer, fault)

    def _leaves_unanswered(self, fault: Fault) -> bool:
        if fault.kind == "hang":
            self._wait_for_leave()
        elif fault.kind != "drop-after":
            return False
        self._hang_up()
        return True

    def _send(self, answer: HttpAnswer, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        is_text = isinstance(answer.body, str)
        content_type = "text/plain" if is_text else "application/json"
        body = str(answer.body).encode() if is_text else json.dumps(answer.body).encode()
        if kind in _SPOILT_BODIES and answer.status == 200:
            body, content_type = _SPOILT_BODIES[kind]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if kind in _HALVED else body)
        if kind in _HALVED:
            self.wfile.flush()
            if kind == "crash":
                self.server.crash()
            self._hang_up()

    def _stream(self, answer: HttpStream) -> None:
        """Send line by line; its end is the connection's."""
        self.close_connection = True
        self.send_response(answer.status)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for line in answer.lines:
                data = json.dumps(line).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except HangUp as broken:
            if broken.silent:
                self._wait_for_leave()
            self._hang_up()

    def _wait_for_leave(self) -> None:
        self.connection.recv(1)  # returns when the client leaves or the server stops

    def _hang_up(self) -> None:
        self.close_connection = True
        _end(self.connection)


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body
