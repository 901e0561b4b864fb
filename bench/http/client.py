"""A client that asks what a workload asks and checks what it gets.

SPDX-License-Identifier: MIT
"""

import socket


class Connection:
    """A kept connection; responses are read by their Content-Length."""

    def __init__(self, port, timeout=5):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.unread = b""

    def close(self):
        self.socket.close()

    def receive(self):
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("closed before the response was complete")
        self.unread += more

    def response(self):
        """The next response, as (status, fields, body)."""
        while b"\r\n\r\n" not in self.unread:
            self.receive()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        if "content-length" not in fields:
            raise ValueError("a response without Content-Length")
        length = int(fields["content-length"])
        while len(self.unread) < length:
            self.receive()
        body, self.unread = self.unread[:length], self.unread[length:]
        return int(status.split()[1]), fields, body

    def ask(self, request, count=1):
        """Send `request`, which asks for `count` responses, and return them."""
        self.socket.sendall(request)
        return [self.response() for _ in range(count)]


def fault(workload, port):
    """What is wrong with how the server answers `workload`; None if nothing."""
    try:
        connection = Connection(port)
        answers = connection.ask(workload.request(port) * workload.depth,
                                 workload.depth)
        if workload.close and connection.socket.recv(1) != b"":
            return "the connection stays open"
        connection.close()
    except (OSError, ValueError) as error:
        return str(error)
    for status, fields, body in answers:
        if status != 200:
            return "status %d" % status
        if "date" not in fields:
            return "no Date"
        if not workload.good(body):
            return "body %r" % body[:40]
    return None
