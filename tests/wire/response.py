"""response.py - reads one HTTP/1 response strictly, and compares it with what a case expects.

SPDX-License-Identifier: MIT
"""

import re
from dataclasses import dataclass, field

STATUS_LINE = re.compile(rb"HTTP/1\.1 [1-9][0-9]{2} [\t\x20-\x7e\x80-\xff]*")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")


class Malformed(Exception):
    """What the server sent is not a valid response."""


class Ended(Exception):
    """The connection ended inside a response; `response` is what came of it."""

    def __init__(self, response):
        super().__init__("the connection ended inside a response")
        self.response = response


@dataclass
class Received:
    status_line: str = ""
    lines: list = field(default_factory=list)     # header lines as they came
    fields: list = field(default_factory=list)    # (lower-case name, value)
    trailers: list = field(default_factory=list)
    body: bytes = field(default_factory=bytearray)  # grows in place while it is read
    delimited_by_close: bool = False

    @property
    def status(self):
        return int(self.status_line[9:12])

    def values(self, name):
        return [value for key, value in self.fields if key == name]


def parse_fields(lines):
    fields = []
    for line in lines:
        match = FIELD_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"field line {line!r}")
        fields.append((match[1].decode().lower(), match[2].decode("latin-1")))
    return fields


async def read_fields(wire):
    lines = []
    while line := await wire.line():
        lines.append(line)
    return lines


async def read_chunked(wire, response):
    while True:
        size_line = await wire.line()
        if not CHUNK_SIZE.fullmatch(size_line):
            raise Malformed(f"chunk size {size_line!r}")
        size = int(size_line, 16)
        if size == 0:
            break
        await wire.take(size, response)
        if await wire.line():
            raise Malformed("no CRLF behind the data of a chunk")
    response.trailers = parse_fields(await read_fields(wire))


async def read_body(wire, response, is_head):
    """Read the body as RFC 9112 6.3 delimits it."""
    if is_head or response.status < 200 or response.status in (204, 304):
        return
    if response.values("transfer-encoding"):
        await read_chunked(wire, response)
    elif lengths := response.values("content-length"):
        await wire.take(int(lengths[0]), response)
    else:
        response.delimited_by_close = True
        await wire.take_all(response)


async def read_response(wire, is_head):
    """
    Read one response.  Raises Ended when the connection ends before it is
    complete, Malformed when it breaks RFC 9112.
    """
    response = Received()
    try:
        status_line = await wire.line()
        if not STATUS_LINE.fullmatch(status_line):
            raise Malformed(f"status line {status_line!r}")
        response.status_line = status_line.decode("latin-1")
        lines = await read_fields(wire)
        response.lines = [line.decode("latin-1") for line in lines]
        response.fields = parse_fields(lines)
        check_framing(response)
        await read_body(wire, response, is_head)
    except EOFError:
        raise Ended(response) from None
    finally:
        response.body = bytes(response.body)
    return response


def check_framing(response):
    """What holds for every response, whatever the case says."""
    lengths = response.values("content-length")
    codings = response.values("transfer-encoding")
    bodiless = response.status < 200 or response.status == 204
    if len(lengths) + len(codings) > (0 if bodiless else 1):
        raise Malformed("content-length or transfer-encoding too often (RFC 9112 6.1, 6.2)")
    if codings and codings[0] != "chunked":
        raise Malformed(f"transfer-encoding: {codings[0]}")
    if lengths and not lengths[0].isascii() or lengths and not lengths[0].isdigit():
        raise Malformed(f"content-length: {lengths[0]}")
    if len(response.values("connection")) > 1:
        raise Malformed("connection twice")
    if response.status >= 200 and len(response.values("date")) != 1:
        raise Malformed("no date, or two (RFC 9110 6.6.1)")


def matches(expected, got):
    """`expected` is literal, or a regular expression behind `~`."""
    if isinstance(expected, str) and expected.startswith("~"):
        if isinstance(got, bytes):
            return re.fullmatch(expected[1:].encode(), got, re.DOTALL) is not None
        return re.fullmatch(expected[1:], got) is not None
    return expected == got


def missing_fields(expected, got, sign):
    """Problems with `expected` fields; those of one name have to stand in this order."""
    problems, rest = [], list(got)
    for name, value in expected:
        found = next((i for i, (key, text) in enumerate(rest)
                      if key == name and matches(value, text)), None)
        if found is None:
            others = [text for key, text in got if key == name]
            problems.append(f"expected {sign}{name}: {value}\n     got {others or 'no such field'}")
        else:
            # Keep what stands behind it and fields of other names.
            rest = [pair for i, pair in enumerate(rest) if i > found or pair[0] != name]
    return problems


def short(data, most=400):
    text = repr(data)
    return text if len(text) <= most else f"{text[:most]}... ({len(data)} bytes)"


def compare(expected, got):
    """A list of differences, empty if `got` is as expected."""
    problems = []
    if not matches(expected.status, got.status_line):
        problems.append(f"expected {expected.status}\n     got {got.status_line}")
    problems += missing_fields(expected.fields, got.fields, "")
    problems += missing_fields(expected.trailers, got.trailers, "trailer ")
    problems += [f"expected the line {line}\n     got {got.lines}"
                 for line in expected.exact if line not in got.lines]
    problems += [f"expected no {name}\n     got {got.values(name)}"
                 for name in expected.absent if got.values(name)]
    if expected.body is not None and not matches(expected.body, got.body):
        problems.append(f"expected body {short(expected.body)}\n     got body {short(got.body)}")
    return problems
