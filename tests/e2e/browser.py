"""browser.py - a headless Chromium that tests look at pages with.

    with Browser() as browser:
        page = browser.open(url, width=375, dark=True)
        page.evaluate("document.title"); page.errors; page.screenshot(path)

It is told what to do in the DevTools protocol, over two pipes: no port, no
library.  What it keeps is in a temporary folder, and gone at the end.

SPDX-License-Identifier: MIT
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

from harness import Skip

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"]
# It reads descriptor 3 and writes 4.
AS_3_AND_4 = """if True:
    import fcntl, os, sys
    ours = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]]
    os.dup2(ours[0], 3)
    os.dup2(ours[1], 4)
    os.execv(sys.argv[3], sys.argv[3:])
"""
LIMIT = 60.0  # seconds for one answer: a busy machine takes long to start it


def start(folder):
    """Start it; returns the process, where to write and where to read."""
    program = shutil.which("chromium")
    if not program:
        raise Skip("chromium is not installed")
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", AS_3_AND_4, str(command_read), str(answer_write),
         program, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        pass_fds=[command_read, answer_write], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    os.close(command_read)
    os.close(answer_write)
    return process, command_write, answer_read


class Browser:
    """One Chromium; its pages are opened one after the other."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="atlas-browser-")
        try:
            self.process, self.commands, self.answers = start(self.folder)
        except Skip:
            shutil.rmtree(self.folder)
            raise
        self.last_id = 0
        self.unread = b""
        self.events = []
        return self

    def __exit__(self, *_):
        os.close(self.commands)  # it ends when this pipe does
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.answers)
        shutil.rmtree(self.folder, ignore_errors=True)

    def read_message(self, deadline):
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.answers], [], [], deadline - time.monotonic())
            piece = os.read(self.answers, 1 << 20) if ready else b""
            assert piece, "chromium has ended, or does not answer"
            self.unread += piece
        text, _, self.unread = self.unread.partition(b"\0")
        return json.loads(text)

    def call(self, method, session=None, **params):
        """One command; returns its result, and keeps the events before it."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + LIMIT
        while (answer := self.read_message(deadline)).get("id") != self.last_id:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer.get('error')}"
        return answer["result"]

    def wait_event(self, method):
        deadline = time.monotonic() + LIMIT
        while not any(event["method"] == method for event in self.events):
            self.events.append(self.read_message(deadline))

    def open(self, url, width=1280, height=800, dark=False):
        """A page that has loaded."""
        self.events.clear()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, width)
        for domain in "Page", "Runtime", "Log", "Network":
            page.call(f"{domain}.enable")
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        page.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])
        page.call("Page.navigate", url=url)
        self.wait_event("Page.loadEventFired")
        return page


class Page:
    """A page that has loaded, and what it looks like."""

    def __init__(self, browser, session, width):
        self.browser = browser
        self.session = session
        self.width = width

    def call(self, method, **params):
        return self.browser.call(method, session=self.session, **params)

    def evaluate(self, script):
        """What an expression in JavaScript gives."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self):
        return self.evaluate("document.body.innerText")

    def overflow(self):
        """Pixels by which the page is wider than its window."""
        return self.evaluate("document.documentElement.scrollWidth") - self.width

    def color(self, part, name="color"):
        """The colour of what a selector finds, as (red, green, blue)."""
        text = self.evaluate(f"getComputedStyle(document.querySelector('{part}')).{name}")
        return tuple(int(n) for n in text[text.index("(") + 1:-1].split(",")[:3])

    def errors(self):
        """What stands in the console, and what could not be loaded."""
        self.evaluate("1")  # what was told before this has come
        found = []
        for event in self.browser.events:
            params = event.get("params", {})
            if event["method"] == "Log.entryAdded":
                found.append(params["entry"]["text"])
            elif event["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled",
                                     "Network.loadingFailed"):
                found.append(json.dumps(params)[:300])
        return found

    def requests(self):
        """The URLs that it asked for."""
        return [event["params"]["request"]["url"] for event in self.browser.events
                if event["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path):
        """Write what the window shows, as PNG."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
