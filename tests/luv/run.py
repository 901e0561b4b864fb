#!/usr/bin/env python3
"""Run each program of this folder under plain luv, in `atlas run` and in a
served application: they print the same.

    python3 tests/luv/run.py --atlas BINARY [NAME...]

Plain luv is the interpreter of the same VM with Debian's lua-luv.
SPDX-License-Identifier: MIT
"""

import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 120

# Runs the program that the path names, and answers with what it printed.
SITE = """
local atlas = require "atlas"

local app = atlas.Application()

app:get("/{name}", function(_, name)
    local lines, write, old = {}, io.write, print

    function io.write(...)
        lines[#lines + 1] = table.concat { ... }
    end
    function print(...)
        local words = {}
        for i = 1, select("#", ...) do
            words[i] = tostring((select(i, ...)))
        end
        io.write(table.concat(words, "\\t"), "\\n")
    end
    assert(loadfile("FOLDER/" .. name .. ".lua"))()
    io.write, print = write, old
    return table.concat(lines)
end)

return { app = app }
"""


def run_program(command, name):
    done = subprocess.run(command + [str(HERE / (name + ".lua"))], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=LIMIT, check=False)
    return "%s%sstatus %d\n" % (done.stdout, done.stderr, done.returncode)


class Served:
    """A server of SITE, on a port that it chooses."""

    def __init__(self, atlas, folder):
        site = pathlib.Path(folder) / "site.lua"
        site.write_text(SITE.replace("FOLDER", str(HERE)))
        self.log = open(pathlib.Path(folder) / "log", "w+")
        self.process = subprocess.Popen(
            [atlas, "serve", "site:app", "--port", "0", "--block-ms", "0"],
            cwd=folder, stdout=self.log, stderr=self.log)
        self.port = self.find_port()

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def find_port(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            port = re.search(r"http://127\.0\.0\.1:(\d+)", self.text())
            if port:
                return int(port.group(1))
            time.sleep(0.02)
        raise RuntimeError("no server: " + self.text())

    def run(self, name):
        url = "http://127.0.0.1:%d/%s" % (self.port, name)
        try:
            with urllib.request.urlopen(url, timeout=LIMIT) as answer:
                return answer.read().decode() + "status 0\n"
        except urllib.error.HTTPError as err:
            return "%s\n%s" % (err, self.text())

    def stop(self):
        self.process.terminate()
        status = self.process.wait(LIMIT)
        text = self.text()
        self.log.close()
        return "" if status == 0 else "status %d\n%s" % (status, text)


def compare(name, where, want, got):
    if want == got:
        return 0
    print("FAIL %s %s" % (name, where))
    sys.stdout.writelines(difflib.unified_diff(
        want.splitlines(True), got.splitlines(True), "plain luv", where))
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--atlas", required=True)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    atlas = os.path.abspath(args.atlas)
    version = subprocess.run([atlas, "--version"], text=True, check=True,
                             capture_output=True).stdout
    plain = "luajit" if "LuaJIT" in version else "lua5.4"
    names = args.names or sorted(path.stem for path in HERE.glob("*.lua"))
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        served = Served(atlas, folder)
        for name in names:
            want = run_program([plain], name)
            if not want.endswith("status 0\n"):
                print("FAIL %s under %s\n%s" % (name, plain, want))
                failed += 1
                continue
            failed += compare(name, "atlas run", want, run_program(
                [atlas, "run", "--block-ms", "0"], name))
            failed += compare(name, "atlas serve", want, served.run(name))
        trouble = served.stop()
        if trouble:
            print("FAIL the server's end\n" + trouble)
            failed += 1
    print("%d passed, %d failed" % (2 * len(names) + 1 - failed, failed))
    return 1 if failed else 0


sys.exit(main())
