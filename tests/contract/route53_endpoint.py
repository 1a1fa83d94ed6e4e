"""An HTTP endpoint that does what its path says: ``route53_endpoint.py ADDRESS PORT``.

``/status/503`` answers with that status, ``/silent`` never answers, anything else is 200 with the request as its body.
"""

import selectors
import socket
import sys
from http import HTTPStatus


def answer(request: bytes) -> bytes | None:
    path = request.split(b" ", 2)[1].decode()
    if path == "/silent":
        return None
    code = int(path.removeprefix("/status/")) if path.startswith("/status/") else 200
    head = f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\nContent-Length: {len(request)}\r\nConnection: close\r\n\r\n"
    return head.encode() + request


def main() -> None:
    waiting = selectors.DefaultSelector()
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=1024)
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                waiting.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            client = key.fileobj
            try:
                request = client.recv(4096)
                told = answer(request) if request else b""
                if told is None:
                    continue
                client.sendall(told)
            except OSError:
                pass  # the checker has gone away: so does its connection
            waiting.unregister(client)
            client.close()


main()
