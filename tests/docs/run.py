#!/usr/bin/env python3
"""run.py - does the documentation tell the truth?  Its blocks are run.

    python3 tests/docs/run.py --atlas build/release/atlas [PAGES]

The blocks of a page are run from top to bottom, in a folder of the page's own;
README.md beside this file says what a block may be.  Each block that is run is
one test, named by the page and its line.

SPDX-License-Identifier: MIT
"""

import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True  # the tree stays clean
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from blocks import is_like, read_blocks, read_commands
from harness import Place, SERVING, SERVING_LINE, START_TIMEOUT, eventually
from links import broken_links

LIMIT = 60  # seconds that a command may take
SERVE = re.compile(r"(?:\w+=\S+ +)*(?:\S*/)?atlas serve\b[^|;&<>]*")
SHOWN_PORT = 8000


def expect(got, want):
    got = got.replace("\r", "")
    if got and not got.endswith("\n"):
        got += "\n"
    if not is_like(got, want):
        diff = difflib.unified_diff(want.splitlines(), got.splitlines(),
                                    "the page", "what came", lineterm="", n=100)
        raise AssertionError("\n".join(diff))


class Page:
    """One page while it is run."""

    def __init__(self, path, options):
        self.name = os.path.relpath(path, ROOT)
        self.text = Path(path).read_text()
        self.vm = options.vm
        self.place = Place(options)
        # A port that is free; no warnings that only tell of a slow machine.
        self.env = {"PATH": f"{options.bin}:{os.environ['PATH']}", "CURL_HOME": options.bin,
                    "PWD": str(self.place.path), "ATLAS_PORT": "0", "ATLAS_BLOCK_MS": "0"}
        self.servers = {}  # by the port that the page shows
        self.unused = {}   # the blocks of files that nothing has used yet
        self.unread = ""   # of the log, what a log block may still show
        self.results = []  # (where, what was wrong or None)

    def run(self):
        """Run all blocks."""
        for name in ".", "build/release":  # as it is in a checkout
            (self.place.path / name).mkdir(parents=True, exist_ok=True)
        (self.place.path / "build/release/atlas").symlink_to(self.place.options.atlas)
        blocks = [block for block in read_blocks(self.name, self.text)
                  if block.options.get("vm", self.vm) == self.vm]
        for i, block in enumerate(blocks):
            after = blocks[i + 1] if i + 1 < len(blocks) else None
            if "skip" in block.options:
                self.check(block, self.check_reason, block)
            elif run := getattr(self, "run_" + (block.language or "none"), None):
                run(block, after if after and after.language == "text" else None)
            elif "file" in block.options:
                self.save(block)
        for block in self.unused.values():
            self.check(block, self.fail_unused, block)
        for port in list(self.servers):
            self.check(self.name, self.stop, port)
        self.check(self.name, self.check_log)
        self.check(self.name, self.clean_up)
        return self.results

    def check(self, where, fn, *args):
        """One test: fn(...) raises when something is wrong."""
        try:
            fn(*args)
        except Exception as error:  # whatever it is, the other blocks are run
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            self.results.append((where, f"{kind}{error}"))
        else:
            if where != self.name:
                self.results.append((where, None))

    def check_reason(self, block):
        assert len(block.options["skip"]) > 10, "skip= gives the reason"

    def fail_unused(self, block):
        raise AssertionError("nothing on this page uses the file")

    def clean_up(self):
        trouble = self.place.clean_up()
        assert not trouble, trouble

    # --- files ---

    def save(self, block, default=None):
        """Write the block to its file, behind what is there if it says file+=;
        returns the file's name."""
        name = block.options.get("file") or block.options.get("file+") or default
        before = self.place.read(name) if "file+" in block.options else ""
        self.place.write(name, before + self.with_real_ports(block.text))
        self.note_use(block.text)
        if name != default:
            self.unused[name] = block
        return name

    def note_use(self, text):
        """`text` is run: the files that it names are used."""
        for name in list(self.unused):
            module = re.sub(r"(/init)?\.lua$", "", name).replace("/", ".")
            if re.search(rf"(?<![\w/.])({re.escape(name)}|{re.escape(module)})(?![\w/])", text):
                del self.unused[name]

    # --- scripts ---

    def run_lua(self, block, output):
        if output is None and {"file", "file+"} & set(block.options):
            self.save(block)
        else:
            self.check(block, self.play_script, block, output)

    def play_script(self, block, output):
        assert output or "assert" in block.text, "it tests nothing: show what it prints"
        name = self.save(block, "example.lua")
        self.unused.pop(name, None)
        done = self.place.run("run", name, env=self.env, timeout=LIMIT)
        expect(done.out + done.err, output.text if output else "")
        status = int(output.options.get("status", 0)) if output else 0
        assert done.status == status, f"status {done.status}, not {status}"

    def run_text(self, block, _):
        """It has been compared with what its script printed."""

    # --- shell ---

    def run_sh(self, block, _):
        self.check(block, self.play_shell, block)

    def play_shell(self, block):
        status, output = self.shell("set -e\n" + block.text)
        assert status == 0, f"status {status}:\n{output}"

    def run_console(self, block, _):
        for number, command, output in read_commands(block.text):
            play = self.play_server if SERVE.fullmatch(command) else self.play_command
            self.check(f"{self.name}:{block.line + number}", play, command, output)

    def play_command(self, command, output):
        expect(self.shell(command)[1], output)

    def shell(self, command):
        """Run it; returns its status, and its output and errors as one."""
        self.note_use(command)
        done = subprocess.run(
            ["sh", "-c", self.with_real_ports(command)], cwd=self.place.path,
            env=self.place.environment(self.env), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
        output = done.stdout.decode(errors="replace")
        self.place.outputs.append(output)
        return done.returncode, self.with_shown_ports(output)

    # --- servers: on free ports, whatever the page shows ---

    def play_server(self, command, output):
        self.note_use(command)
        words = shlex.split(command)
        env = dict(self.env)
        while "=" in words[0]:
            env.update([words.pop(0).partition("=")[::2]])
        port = SHOWN_PORT
        if "--port" in words:
            at = words.index("--port") + 1
            port, words[at] = int(words[at]), "0"
        if port in self.servers:
            self.stop(port)
        server = self.place.start(*words[2:], env=env)
        eventually(lambda: SERVING.search(server.out()) or server.process.poll() is not None,
                   "it serves or has ended", START_TIMEOUT)
        if server.process.poll() is None:
            server.wait_until_serving()
            self.servers[port] = server
            # What follows that line is its log, which log blocks show.
            expect(self.with_shown_ports(SERVING_LINE.search(server.out())[0]), output)
        else:
            self.place.servers.remove(server)
            expect(server.out() + server.log(), output)

    def stop(self, port):
        server = self.servers.pop(port)
        server.stop()
        self.unread += server.log()[getattr(server, "log_read", 0):]

    def log(self):
        """What the servers have logged and no block has shown."""
        return self.unread + "".join(server.log()[getattr(server, "log_read", 0):]
                                     for server in self.servers.values())

    def run_log(self, block, _):
        self.check(block, self.play_log, block)

    def play_log(self, block):
        try:
            eventually(lambda: is_like(self.log(), block.text), "the log", 5)
        except AssertionError:
            expect(self.log(), block.text)
        self.unread = ""
        for server in self.servers.values():
            server.log_read = len(server.log())

    def check_log(self):
        assert not self.unread, f"logged, but not shown on the page:\n{self.unread}"

    def with_real_ports(self, text):
        for shown, server in self.servers.items():
            text = re.sub(rf":{shown}\b", f":{server.port}", text)
        return text

    def with_shown_ports(self, text):
        for shown, server in self.servers.items():
            text = re.sub(rf":{server.port}\b", f":{shown}", text)
        return text


def play(path, options):
    """Run a page.  Returns its results."""
    page = Page(path, options)
    try:
        results = page.run()
    except ValueError as error:  # of blocks.py: no page that can be run
        results = [(page.name, str(error))]
    finally:
        page.place.clean_up()
    return results + [(where, f"nothing is at {target}")
                      for where, target in broken_links(ROOT, page.name, page.text)]


def main():
    parser = argparse.ArgumentParser(description="Run the blocks of the documentation.")
    parser.add_argument("--atlas", default="build/release/atlas", help="the program")
    parser.add_argument("--jobs", type=int, default=4, help="pages at once")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every block")
    parser.add_argument("pages", nargs="*", metavar="PAGES")
    options = parser.parse_args()
    options.atlas = str(Path(options.atlas).resolve())
    if not Path(options.atlas).exists():
        print(f"run.py: no such program: {options.atlas}", file=sys.stderr)
        return 2
    version = subprocess.run([options.atlas, "--version"], capture_output=True, text=True).stdout
    options.vm = "luajit" if "LuaJIT" in version else "lua5.4"
    pages = options.pages or [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    started = time.monotonic()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="atlas-bin-") as options.bin:
        Path(options.bin, "atlas").symlink_to(options.atlas)
        # On a terminal, where readers have it, curl shows no progress either.
        Path(options.bin, ".curlrc").write_text("silent\nshow-error\n")
        with ThreadPoolExecutor(options.jobs) as pool:
            for results in pool.map(lambda page: play(page, options), pages):
                for where, trouble in results:
                    passed += trouble is None
                    failed += trouble is not None
                    if trouble is not None:
                        print(f"FAIL {where}\n{trouble}", flush=True)
                    elif options.verbose:
                        print(f"ok   {where}", flush=True)
    print(f"\n{time.monotonic() - started:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
