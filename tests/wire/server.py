"""server.py - starts, watches and stops the server that the cases are played against.

SPDX-License-Identifier: MIT
"""

import os
import re
import signal
import subprocess
import tempfile
import time

START_TIMEOUT = 15.0  # seconds; a sanitizer build is slow to start
STOP_TIMEOUT = 5.0
SERVING = re.compile(r"^Serving on http://127\.0\.0\.1:(\d+)", re.MULTILINE)
TROUBLE = re.compile(r".*(?:Sanitizer|runtime error:).*")


START = (0, 0)  # of the log


class StartError(Exception):
    """The server did not come up; the text holds its stderr."""


class Server:
    """One `atlas serve`; its output goes to files, so that it never has to wait for us."""

    def __init__(self, command, root, env):
        self.stdout = tempfile.TemporaryFile("w+b")  # where the log goes
        self.stderr = tempfile.TemporaryFile("w+b")
        self.scanned = 0  # bytes of stderr that have been searched for trouble
        self.process = subprocess.Popen(
            command, cwd=root, env={**os.environ, "ATLAS_BLOCK_MS": "0", **env}, stdin=subprocess.DEVNULL,
            stdout=self.stdout, stderr=self.stderr, start_new_session=True)
        self.port = self.wait_until_serving()

    def wait_until_serving(self):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and not self.is_down():
            if match := SERVING.search(read_from(self.stdout, 0)):
                return int(match[1])
            time.sleep(0.005)
        self.kill()
        raise StartError(f"the server did not start; its stderr:\n{self.log_since(START)[-3000:]}")

    def is_down(self):
        return self.process.poll() is not None

    def log_size(self):
        """A place in the log, for log_since(): in stderr and in stdout."""
        return tuple(os.fstat(file.fileno()).st_size for file in (self.stderr, self.stdout))

    def log_since(self, start):
        """What was written to stderr and logged since then."""
        return read_from(self.stderr, start[0]) + read_from(self.stdout, start[1])

    def trouble(self):
        """Lines of a sanitizer's report that have come since the last call, or None."""
        text = read_from(self.stderr, self.scanned)
        match = TROUBLE.search(text)
        # The last line may be incomplete: search it again the next time.
        self.scanned += len(text[:text.rfind("\n") + 1].encode("utf-8", "surrogateescape"))
        return text[match.start():match.start() + 4000] if match else None

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def stop(self):
        """End it by SIGTERM.  Returns what was wrong with that, or None."""
        if not self.is_down():
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"the server was still there {STOP_TIMEOUT} s after SIGTERM"
        if status != 0:
            return (f"the server ended with {describe(status)}; the end of its stderr:\n"
                    f"{self.log_since(START)[-4000:]}")
        return self.trouble()


def read_from(file, start):
    """What stands in `file` from byte `start`; pread, since the server writes at its end."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), max(0, size - start), start).decode("utf-8", "surrogateescape")


def describe(status):
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
