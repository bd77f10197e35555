"""A file server on the loopback whose connections can be cut, slow down or answer oddly."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from equimodal.data.download.fetch import Patience

QUICK = Patience(seconds=5, attempts=2, pause=0)


class Files(BaseHTTPRequestHandler):
    """Serves `server.files`; `server.cuts` are bytes after which the next answers end."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        status = server.statuses.pop(0) if server.statuses else 200
        content = server.files.get(self.path.rpartition("/")[2])
        if status != 200 or content is None:
            return self.send_error(status if status != 200 else 404)
        start = self._start(content)
        if start is None:
            return None
        body = content[start:]
        if server.sizes:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)
        self.close_connection = True

    def _start(self, content):
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted is None or not self.server.ranges:
            self.send_response(200)
            return 0
        start = int(wanted[1])
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        return start

    def log_message(self, *arguments):
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Files)
        self.files, self.cuts, self.statuses, self.asked = {}, [], [], []
        self.ranges = self.sizes = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(monkeypatch):
    """A running server; the environment's proxies are out of the way."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def quick():
    return QUICK
