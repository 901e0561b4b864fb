"""casefile.py - reads *.wire files: cases as data (the format is told in README.md).

SPDX-License-Identifier: MIT
"""

import re
from dataclasses import dataclass, field

SMALL = 300        # bytes a case may send and still be played in every mode
MAX_SPLITS = 300   # longer cases that ask for `split` are split at this many places
MODES = ("whole", "bytes", "split")
ENDINGS = ("closes", "open", "reset", "done")
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
IDENT = b"\\{--id}\\"  # stands for eight digits, in eight bytes
REPEAT = re.compile(r"\\\{(\d+):")


class FormatError(Exception):
    """The file breaks the format: the author's mistake, with its place."""


def unescape(text):
    """Text of a case to bytes.  `\\{id}` stays for fill_in()."""
    return read_escaped(text, 0)[0]


def read_escaped(text, at, inside=False):
    """Bytes of `text` from `at` to its end or, inside `\\{N:`, to the `}`; and where that is."""
    out = []
    while at < len(text):
        if text[at] == "}" and inside:
            return b"".join(out), at
        if text[at] == "\\":
            data, at = read_escape(text, at)
            out.append(data)
        else:
            out.append(text[at].encode())
            at += 1
    if inside:
        raise FormatError("\\{N: without its `}`")
    return b"".join(out), at


def read_escape(text, at):
    """The bytes of the escape at `at`, and where it ends."""
    code = text[at + 1:at + 2]
    if code in ESCAPES:
        return ESCAPES[code], at + 2
    if code == "x":
        return bytes.fromhex(text[at + 2:at + 4]), at + 4
    if text.startswith("\\{id}", at):
        return IDENT, at + len("\\{id}")
    if repeat := REPEAT.match(text, at):
        data, end = read_escaped(text, repeat.end(), inside=True)
        return data * int(repeat[1]), end + 1
    raise FormatError(f"unknown escape {text[at:at + 4]!r}")


def fill_in(data, ident):
    """Put the eight digits of this play of the case where it says `\\{id}`."""
    return data.replace(IDENT, ident.encode())


@dataclass
class Response:
    """One expected response; None stands for what the case leaves open."""
    status: str                                   # line, or ~regex
    fields: list = field(default_factory=list)    # (name, value or ~regex)
    absent: list = field(default_factory=list)    # names
    exact: list = field(default_factory=list)     # whole lines, letter case and all
    trailers: list = field(default_factory=list)  # as fields
    body: object = None                           # bytes, or ~regex


@dataclass
class Case:
    number: int
    title: str
    place: str                  # file:line
    serve_args: tuple
    env: tuple
    faces: tuple = ()           # () is every face
    modes: tuple = ()
    timeout: float = 5.0
    steps: list = field(default_factory=list)     # (verb, argument)

    def sends(self):
        return [argument for verb, argument in self.steps if verb == "send"]

    def variants(self):
        """Every way to play this case: (mode, offset of the cut)."""
        total = sum(map(len, self.sends()))
        modes = self.modes or (MODES if total < SMALL else ("whole",))
        for mode in modes:
            if mode != "split":
                yield mode, None
                continue
            cuts = self.cuts()
            step = max(1, -(-len(cuts) // MAX_SPLITS))
            yield from ((mode, cut) for cut in cuts[::step])

    def cuts(self):
        """Offsets in all that is sent which lie inside one send."""
        cuts, start = [], 0
        for data in self.sends():
            cuts += range(start + 1, start + len(data))
            start += len(data)
        return cuts


def parse_field(line):
    name, colon, value = line.partition(":")
    if not colon:
        raise FormatError(f"no colon in expected field {line!r}")
    value = value.strip()
    if not value.startswith("~"):
        value = unescape(value).decode("latin-1")
    return name.strip().lower(), value


def parse_response(lines):
    response = Response(lines[0])
    head = lines[1:lines.index("")] if "" in lines else lines[1:]
    for line in head:
        if line.startswith("!"):
            response.absent.append(line[1:].lower())
        elif line.startswith("="):
            response.exact.append(unescape(line[1:]).decode("latin-1"))
        elif line.startswith("+"):
            response.trailers.append(parse_field(line[1:]))
        else:
            response.fields.append(parse_field(line))
    if "" in lines:
        body = "".join(lines[lines.index("") + 1:])
        response.body = body if body.startswith("~") else unescape(body)
    return response


def parse_responses(lines):
    starts = [i for i, line in enumerate(lines) if line.startswith(("HTTP/", "~HTTP/"))]
    if not starts or starts[0] != 0:
        raise FormatError("an expected response starts with its status line")
    return [parse_response(lines[a:b]) for a, b in zip(starts, starts[1:] + [len(lines)])]


def parse_expect(argument, lines):
    """The step of an `expect`: its responses, to be read as `argument` tells."""
    responses = parse_responses(lines)
    if argument.isdigit():
        return "expect", ("", responses * int(argument))
    if argument not in ("", "head", "cut"):
        raise FormatError(f"expect what? {argument!r}")
    if argument == "cut" and len(responses) != 1:
        raise FormatError("one response at a time can be cut")
    return "expect", (argument, responses)


def parse_section(case, name, argument, lines):
    """Add section `name` to the case."""
    if name == "send":
        case.steps.append(("send", unescape("".join(lines))))
    elif name == "expect":
        case.steps.append(parse_expect(argument, lines))
    elif name in ("wait", "quiet"):
        case.steps.append((name, float(argument)))
    elif name == "closes" and argument in ("", "fin", "anyhow"):
        case.steps.append((name, argument))
    elif name in ("open", "halfclose", "reset", "done"):
        case.steps.append((name, argument))
    elif name == "log":
        case.steps.append((name, "".join(lines).strip()))
    elif name == "modes" and set(argument.split()) <= set(MODES):
        case.modes = tuple(argument.split())
    elif name == "faces":
        case.faces = tuple(argument.split())
    elif name == "timeout":
        case.timeout = float(argument)
    elif name != "max_allocs":
        raise FormatError(f"unknown section --- {name} {argument}".rstrip())


def finish(case):
    """A case has to say how the connection ends."""
    last = [step for step in case.steps if step[0] != "log"][-1:]
    if not last or not (last[0][0] in ENDINGS or last[0][0] == "expect" and last[0][1][0] == "cut"):
        raise FormatError("the last section is none of: closes, open, reset, done, expect cut")
    return case


def sections(text):
    """Yield (line number, marker, rest of that line, lines below it)."""
    marker = re.compile(r"(===|---) ?(.*)")
    current = (1, "", "", [])
    for number, line in enumerate(text.split("\n"), 1):
        match = marker.fullmatch(line)
        if match:
            yield current
            current = (number, match[1], match[2].strip(), [])
        else:
            current[3].append(line)
    if current[3] and current[3][-1] == "":
        current[3].pop()  # the newline that ends the file
    yield current


def load(path):
    """All cases of a file.  Raises FormatError with the file and line."""
    cases, serve_args, env = [], (), ()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for number, marker, rest, lines in sections(text):
        try:
            if marker == "===":
                number_text, _, title = rest.partition(" ")
                cases.append(Case(int(number_text), title, f"{path}:{number}", serve_args, env))
            elif marker == "---" and cases:
                name, _, argument = rest.partition(" ")
                parse_section(cases[-1], name, argument.strip(), lines)
            elif marker == "---":
                name, _, argument = rest.partition(" ")
                if name == "serve_args":
                    serve_args = tuple(argument.split())
                elif name == "env":
                    env += tuple(argument.split())
                else:
                    raise FormatError(f"--- {name} before the first case")
        except (FormatError, ValueError) as error:
            raise FormatError(f"{path}:{number}: {error}") from error
    for case in cases:
        try:
            finish(case)
        except FormatError as error:
            raise FormatError(f"{case.place}: {error}") from error
    return cases
