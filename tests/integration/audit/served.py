"""A log in memory served over HTTP as audit serves it, to check it as a stranger would."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.unit.audit.small_log import SmallLog

TOKEN = "an-auditors-token"


@contextmanager
def served(log: SmallLog) -> Iterator[str]:
    """The root address of a server of this log's parts; entries want the token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/v1/log/")
            allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            body = log.parts.get(path, b"")
            if path.startswith("tile/entries/") and not allowed:
                self.send_response(401)
                body = b""
            elif path == "moved":
                self.send_response(302)
                self.send_header("Location", "/v1/log/key")
            else:
                self.send_response(200 if path in log.parts else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
