"""test_site.py - the sample site in app/, as its visitors see it.

SPDX-License-Identifier: MIT
"""

import json
import re
import shutil
from pathlib import Path

from browser import Browser
from harness import eq, has, lacks

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "/": "Plain Lua. Nobody waits in line.",
    "/slow": "Three waits at once",
    "/about": "Four Lua files make this site.",
    "/no/<b>such</b>": "Nothing is here.",
}


def serve(place):
    """What `make run` serves, of a copy that a test may change."""
    shutil.copytree(ROOT / "app", place.path / "app", dirs_exist_ok=True)
    return place.serve("app.main:app", "--config", "app.config")


def luminance(color):
    parts = [c / 255 for c in color]
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    """As WCAG has it, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_pages_in_a_browser(place):
    """Each page says what it is about, wholly from this site, without errors."""
    server = serve(place)
    with Browser() as browser:
        for path, title in PAGES.items():
            page = browser.open(server.url(path))
            eq(page.evaluate("document.querySelector('h1').innerText").replace("\n", " ").upper(),
               title.upper(), path)
            errors = page.errors()
            if "such" in path:  # the browser tells that it is one
                has(errors.pop(0), "404")
            eq(errors, [], path)
            for url in page.requests():
                assert url.startswith(server.url()), url
            picture = place.path / "page.png"
            page.screenshot(picture)
            eq(picture.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
            assert picture.stat().st_size > 10_000, "an empty page"
    lacks(server.log(), "ERROR")


def test_pages_on_a_phone(place):
    """Nothing is wider than a small telephone's screen."""
    server = serve(place)
    with Browser() as browser:
        for width in 375, 320:
            for path in PAGES:
                page = browser.open(server.url(path), width=width, height=800)
                eq(page.overflow(), 0, f"{path} in {width} pixels")


def test_pages_are_light_or_dark(place):
    """As the visitor wants it, and readable both ways."""
    server = serve(place)
    with Browser() as browser:
        for path in PAGES:
            for dark in False, True:
                page = browser.open(server.url(path), dark=dark)
                back = page.color("body", "backgroundColor")
                eq(luminance(back) < 0.2, dark, path)
                for part in "h1", "main p", "footer", "nav a":
                    assert contrast(page.color(part), back) >= 4.5, (path, dark, part)
                for part in page.evaluate("!!document.querySelector('.button')") * [".button"]:
                    assert contrast(page.color(part), page.color(part, "backgroundColor")) >= 4.5


def test_what_stands_in_a_path_is_text(place):
    server = serve(place)
    with Browser() as browser:
        page = browser.open(server.url("/no/<b>such</b>"))
        has(page.text(), "No route of this site leads to /no/<b>such</b>.")


def test_three_waits_take_as_long_as_one(place):
    """The page shows the time it took, about that of the slowest."""
    server = serve(place)
    page = server.curl(server.url("/slow")).out
    took = float(re.search(r'class="took">([\d.]+)<', page)[1])
    assert 0.3 <= took < 0.6, took


def test_text_json_stream_and_file(place):
    server = serve(place)
    eq(server.curl(server.url("/hello/caf%C3%A9")).out, "Hello, café!\n")
    time = json.loads(server.curl("-A", "me", server.url("/api/time")).out)
    eq(time["agent"], "me")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time["time"]), time
    eq(server.curl(server.url("/countdown")).out, "5\n4\n3\n2\n1\nLift-off!\n")
    head = server.curl("-I", server.url("/static/site.css")).out
    has(head, "200 OK")
    has(head, "content-type: text/css")
    has(head, "server-timing: app;dur=")


def test_files_outside_are_not_served(place):
    server = serve(place)
    for path in "/static/../main.lua", "/static/..%2fmain.lua", "/static/nosuch.css", "/static/":
        done = server.curl("--path-as-is", "-i", server.url(path))
        has(done.out, "404 Not Found")
        lacks(done.out, "require")


def test_a_handler_is_changed_and_the_change_is_seen(place):
    """What the site tells its readers to do."""
    server = serve(place)
    eq(server.curl(server.url("/hello/you")).out, "Hello, you!\n")
    server.stop()
    file = place.path / "app/controllers.lua"
    file.write_text(file.read_text().replace('"Hello, "', '"Good morning, "'))
    server = place.serve("app.main:app", "--config", "app.config")
    eq(server.curl(server.url("/hello/you")).out, "Good morning, you!\n")


def test_the_site_lists_its_routes(place):
    shutil.copytree(ROOT / "app", place.path / "app")
    lines = place.run("routes", "app.main:app").out.splitlines()
    eq(len(lines), 7)
    assert re.fullmatch(r"GET  / +home +app/controllers\.lua:\d+", lines[0]), lines[0]


def test_what_the_pages_show_of_the_code_is_in_it(place):
    """Lines of code on the pages stand in app/ as well, or are no more than
    examples: those of the home page."""
    code = "".join(file.read_text() for file in (ROOT / "app").glob("*.lua"))
    code = re.sub(r"\s+", " ", code)
    for name in "slow.html", "about.html":
        for block in re.findall(r"<pre><code>(.*?)</code></pre>",
                                (ROOT / "app/templates" / name).read_text(), re.DOTALL):
            for line in re.sub(r"</?[biq]>", "", block).splitlines():
                line = re.sub(r"\s+", " ", line.strip())
                if line and line != "-- ...":
                    assert line in code, f"{name}: {line}"
