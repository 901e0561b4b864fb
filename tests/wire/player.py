"""player.py - plays one variant of a case on a connection.

SPDX-License-Identifier: MIT
"""

import asyncio
import re
import socket
import struct

from casefile import fill_in
from response import Ended, Malformed, compare, read_response, short

BETWEEN_HALVES = 0.005   # seconds, so that the server sees two reads
BETWEEN_BYTES = 0.0005
MOST_IN_ALL = 120.0      # for a play in which something happens all the time
LOG_TIMEOUT = 15.0
PROBE = b"GET /plaintext HTTP/1.1\r\nHost: probe\r\n\r\n"


class Failed(Exception):
    """The server did not do what the case says."""


class Wire:
    """A client's connection, read through a buffer."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.buffer = bytearray()  # received, not yet taken
        self.log = bytearray()     # the first bytes received, for reports
        self.end = None            # "FIN" or "RST" once the server has ended it
        self.moved = self.loop.time()  # when a byte last went either way

    async def connect(self, port):
        await self.loop.sock_connect(self.sock, ("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def send(self, data):
        """Send.  False if the server has closed, which is no error: what it said counts."""
        try:
            await self.loop.sock_sendall(self.sock, data)
            self.moved = self.loop.time()
            return True
        except (ConnectionResetError, BrokenPipeError):
            return False

    async def fill(self):
        """Read more.  Returns False at the end of the connection."""
        if self.end:
            return False
        try:
            data = await self.loop.sock_recv(self.sock, 262144)
            self.end = None if data else "FIN"
            self.moved = self.loop.time()
        except (ConnectionResetError, BrokenPipeError):
            data, self.end = b"", "RST"
        # What is there already comes without a wait: let the others have a turn.
        await asyncio.sleep(0)
        self.buffer += data
        self.log += data[:max(0, 2000 - len(self.log))]
        return bool(data)

    async def line(self):
        """The next line, without its CRLF.  EOFError when there is none."""
        start = 0
        while (at := self.buffer.find(b"\n", start)) < 0:
            start = len(self.buffer)
            if not await self.fill():
                raise EOFError
        line = bytes(self.buffer[:at])
        if not line.endswith(b"\r"):
            raise Malformed(f"bare LF behind {line!r}")
        del self.buffer[:at + 1]
        return line[:-1]

    async def take(self, count, response):
        """Move `count` bytes to the body of `response`, or as many as come."""
        parts = []
        try:
            while count:
                if not self.buffer and not await self.fill():
                    raise EOFError
                part = bytes(self.buffer[:count])
                del self.buffer[:len(part)]
                parts.append(part)
                count -= len(part)
        finally:
            response.body += b"".join(parts)

    async def take_all(self, response):
        while await self.fill():
            pass
        if self.end == "RST":
            raise EOFError
        response.body, self.buffer = bytes(self.buffer), bytearray()

    def reset(self):
        """Close with RST, which leaves no TIME_WAIT either.  Harmless if closed."""
        if self.sock.fileno() < 0:
            return
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Player:
    """Walks through the steps of a case; `step` tells where it is."""

    def __init__(self, case, variant, server, ident):
        self.case, self.server, self.ident = case, server, ident
        self.mode, self.cut = variant
        self.wire = Wire()
        self.sent = 0
        self.step = ("connect", None)

    async def play(self):
        """Raises Failed, Malformed, Ended or OSError; returns when all is well."""
        log_from = self.server.log_size()
        try:
            await self.wire.connect(self.server.port)
            for self.step in self.case.steps:
                verb, argument = self.step
                self.wire.moved = self.wire.loop.time()
                if verb == "log":
                    await self.on_log(argument, log_from)
                else:
                    await getattr(self, "on_" + verb)(argument)
        finally:
            self.wire.reset()

    async def on_send(self, data):
        data = fill_in(data, self.ident)
        if self.mode == "bytes":
            for at in range(len(data)):
                if not await self.wire.send(data[at:at + 1]):
                    break
                await asyncio.sleep(BETWEEN_BYTES)
        elif self.mode == "split" and self.sent < self.cut < self.sent + len(data):
            middle = self.cut - self.sent
            await self.wire.send(data[:middle])
            await asyncio.sleep(BETWEEN_HALVES)
            await self.wire.send(data[middle:])
        else:
            await self.wire.send(data)
        self.sent += len(data)

    async def on_wait(self, seconds):
        await asyncio.sleep(seconds)

    async def on_quiet(self, seconds):
        """Nothing may come, not even the end of the connection."""
        try:
            if not self.wire.buffer:
                await asyncio.wait_for(self.wire.fill(), seconds)
        except asyncio.TimeoutError:
            return
        raise Failed(f"expected nothing for {seconds} s, got {short(bytes(self.wire.buffer))}"
                     f"{' and ' + self.wire.end if self.wire.end else ''}")

    async def on_expect(self, argument):
        kind, responses = argument
        for expected in responses:
            if kind == "cut":
                got = await self.read_cut()
            else:
                got = await read_response(self.wire, is_head=kind == "head")
            if problems := compare(expected, got):
                raise Failed("\n".join(problems))

    async def read_cut(self):
        """A response that the server breaks off."""
        try:
            got = await read_response(self.wire, is_head=False)
        except Ended as ended:
            if not ended.response.lines:
                raise
            return ended.response
        raise Failed(f"expected a response that is cut short\n     got a whole one: {got}")

    async def on_closes(self, how):
        while (how == "anyhow" or not self.wire.buffer) and await self.wire.fill():
            pass
        if self.wire.buffer and how != "anyhow":
            raise Failed(f"expected the end, got {short(bytes(self.wire.buffer))}")
        if how == "fin" and self.wire.end != "FIN":
            raise Failed("expected an orderly end (FIN), got RST")

    async def on_open(self, _):
        await self.wire.send(PROBE)
        got = await read_response(self.wire, is_head=False)
        if got.status != 200 or got.body != b"Hello, World!":
            raise Failed(f"expected the connection open and GET /plaintext answered, got {got}")

    async def on_done(self, _):
        """What becomes of the connection is left open."""

    async def on_halfclose(self, _):
        try:
            self.wire.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has closed already

    async def on_reset(self, _):
        self.wire.reset()

    async def on_log(self, regex, start):
        """The server's stderr has to show it, written since this play began."""
        pattern = re.compile(regex.replace("\\{id}", self.ident), re.MULTILINE)
        size, pause, until = None, 0.005, self.wire.loop.time() + LOG_TIMEOUT
        while self.wire.loop.time() < until:
            self.wire.moved = self.wire.loop.time()  # it has a limit of its own
            if size != (size := self.server.log_size()):
                if pattern.search(self.server.log_since(start)):
                    return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.2)
        raise Failed(f"expected in the server's log: {pattern.pattern}\n"
                     f"     got {short(self.server.log_since(start), 1500)}")


async def until_it_stalls(player, limit):
    """
    Play to the end.  TimeoutError when nothing has moved for `limit` seconds: a
    play as such may take as long as a busy machine needs for its bytes.
    """
    play = asyncio.ensure_future(player.play())
    started = player.wire.loop.time()
    while True:
        now = player.wire.loop.time()
        left = min(player.wire.moved + limit, started + MOST_IN_ALL) - now
        done, _ = await asyncio.wait({play}, timeout=max(left, 0))
        if done:
            return play.result()
        if left <= 0:
            play.cancel()
            await asyncio.wait({play})
            raise asyncio.TimeoutError


async def play(case, variant, server, ident):
    """Play a variant.  Returns None, or what went wrong as text."""
    player = Player(case, variant, server, ident)
    waits = sum(argument for verb, argument in case.steps if verb in ("wait", "quiet"))
    try:
        await until_it_stalls(player, case.timeout + waits)
        return None
    except asyncio.TimeoutError:
        problem = f"nothing happened for {case.timeout} s"
    except Ended as ended:
        problem = f"{ended} ({player.wire.end}); it was {ended.response}"
    except (Failed, Malformed, OSError) as error:
        problem = f"{error}" if str(error) else repr(error)
    where = {"whole": "", "bytes": ", in bytes", "split": f", split at {player.cut}"}[player.mode]
    return (f"at --- {player.step[0]}{where}: {problem}\n"
            f"received {short(bytes(player.wire.log), 1000)}")
