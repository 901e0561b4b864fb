#!/usr/bin/env python3
"""screenshots.py - docs/images: how the sample site looks, light and dark.

    tools/screenshots.py [build/release/atlas]

Made again by hand when the site has changed; pngquant and optipng make them
small, and the fonts are those of this machine (fonts-inter and
fonts-jetbrains-mono are the nicest).
SPDX-License-Identifier: MIT
"""

import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the tree stays clean
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from browser import Browser

IMAGES = ROOT / "docs" / "images"
SHOTS = {  # path, width, height, dark
    "site-light.png": ("/", 1200, 720, False),
    "site-dark.png": ("/", 1200, 720, True),
}


def serve(atlas):
    """The sample site, from the checkout: its process and its URL."""
    process = subprocess.Popen(
        [atlas, "serve", "app.main:app", "--config", "app.config", "--port", "0"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("Serving on "):
            return process, line.split()[2]
    sys.exit("screenshots: the site could not be served")


def main():
    atlas = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/atlas")
    IMAGES.mkdir(exist_ok=True)
    process, url = serve(atlas)
    try:
        with Browser() as browser:
            for name, (path, width, height, dark) in SHOTS.items():
                page = browser.open(url + path, width, height, dark)
                page.screenshot(IMAGES / name)
    finally:
        process.terminate()
        process.wait()
    for name in SHOTS:
        subprocess.run(["pngquant", "--force", "--ext=.png", "--skip-if-larger", "--strip",
                        IMAGES / name], check=False)
        subprocess.run(["optipng", "-quiet", "-o5", IMAGES / name], check=True)
        print(IMAGES / name, (IMAGES / name).stat().st_size)


if __name__ == "__main__":
    main()
