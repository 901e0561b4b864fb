"""blocks.py - the blocks of a page of the documentation, as data.

A block is what stands between two fences; the first word behind the opening
fence is its language, the rest are options, which no rendered page shows.  So
that a page can do what its reader needn't see, an HTML comment that begins
with a language (`<!--console` up to a line `-->`) is a block as well.

SPDX-License-Identifier: MIT
"""

import re
import shlex
from dataclasses import dataclass, field

FENCE = re.compile(r"^( *)(`{3,})([^`]*)$")
HIDDEN = re.compile(r"^<!--([a-z]+\b.*)$")
WILDCARD = "…"


@dataclass
class Block:
    page: str
    line: int           # of its first line of text
    language: str       # "": none was named
    text: str
    options: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.page}:{self.line}"


def parse_info(info):
    """The language and the options: `lua file=a.lua` -> lua, {file: a.lua}"""
    words = shlex.split(info)
    language = words.pop(0) if words and "=" not in words[0] else ""
    return language, dict(word.partition("=")[::2] for word in words)


def read_blocks(page, text):
    """All blocks of a page, in order."""
    blocks, block, end, indent = [], None, None, 0
    for number, line in enumerate(text.splitlines(), 1):
        if block is not None:
            if line.strip() == end:
                block = None
            else:
                block.text += line[min(indent, len(line) - len(line.lstrip())):] + "\n"
            continue
        fence, hidden = FENCE.match(line), HIDDEN.match(line)
        if fence or hidden:
            language, options = parse_info(fence[3] if fence else hidden[1])
            block = Block(page, number + 1, language, "", options)
            blocks.append(block)
            end, indent = (fence[2], len(fence[1])) if fence else ("-->", 0)
    if block is not None:
        raise ValueError(f"{page}:{block.line - 1}: a block that doesn't end")
    return blocks


def read_commands(text):
    """The commands of a console block, each with the output that follows it:
    (line in the block, command, output)."""
    commands, lines = [], iter(enumerate(text.splitlines()))
    for number, line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command = command[:-1] + next(lines)[1].strip()
            commands.append([number, command, ""])
        elif commands:
            commands[-1][2] += line + "\n"
        else:
            raise ValueError("a console block begins with `$ COMMAND`")
    return commands


# What stands for more than itself on a page, and what it stands for.
STANDS_FOR = [
    (WILDCARD, r"[^\n]*"),
    (r"≈ ?\d+(?:\.\d+)?", r"\d+(?:\.\d+)?"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",  # a log line's time
     r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
]
ID = r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])"  # of a request
SPECIAL = re.compile("|".join(f"({page})" for page, _ in [*STANDS_FOR, (ID, None)]))


def line_pattern(line, ids):
    """The pattern of a line of a page.  `ids` are the requests' ids that have
    stood on the page so far: the same id is the same request."""
    pattern, at = "", 0
    for found in SPECIAL.finditer(line):
        pattern += re.escape(line[at:found.start()])
        at = found.end()
        kind = found.lastindex - 1
        if kind < len(STANDS_FOR):
            pattern += STANDS_FOR[kind][1]
        elif found[0] in ids:
            pattern += f"(?P=id_{found[0]})"
        else:
            ids.add(found[0])
            pattern += f"(?P<id_{found[0]}>[0-9a-f]{{16}})"
    return pattern + re.escape(line[at:]) + r"\n"


def is_like(got, want):
    """Is `got` what the page says?  There, … stands for any lines if it is
    alone in its line."""
    ids = set()
    return re.fullmatch("".join(
        r"(?:[^\n]*\n)*" if line.strip() == WILDCARD else line_pattern(line, ids)
        for line in want.splitlines()), got) is not None
