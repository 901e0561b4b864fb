"""links.py - do the links between the pages lead somewhere?

SPDX-License-Identifier: MIT
"""

import re
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^( *)(`{3,}).*?^ *\2$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def without_code(text):
    """The page without its blocks; the lines keep their numbers."""
    return FENCED.sub(lambda block: "\n" * block[0].count("\n"), text)


def anchor(heading):
    """The name that a heading gets in the rendered page."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def leads_somewhere(root, page, target):
    path, _, fragment = target.partition("#")
    file = (root / page).parent / path if path else root / page
    if not file.exists():
        return False
    if not fragment or file.suffix != ".md":
        return True
    headings = HEADING.findall(without_code(file.read_text()))
    return fragment in map(anchor, headings)


def broken_links(root, page, text):
    """(page:line, target) for each link that leads to no file or heading."""
    root = Path(root)
    text = without_code(text)
    for link in LINK.finditer(text):
        target = link[1]
        if "://" not in target and not leads_somewhere(root, page, target):
            yield f"{page}:{text.count(chr(10), 0, link.start()) + 1}", target
