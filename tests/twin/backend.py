"""A target that does what its path says: ``backend.py ADDRESS``."""

import http.server
import socketserver
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/reset":
            self.connection.shutdown(2)
            self.close_connection = True
            return
        if self.path == "/garbage":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            self.close_connection = True
            return
        sys.stderr.write(f"{self.path}\n")
        sys.stderr.flush()
        time.sleep({"/hang": 30, "/slow": 0.5}.get(self.path, 0))
        status = int(self.path.removeprefix("/status/")) if self.path.startswith("/status/") else 200
        body = f"{sys.argv[1]}\n{self.headers}".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server((sys.argv[1], 8080), Handler).serve_forever()
