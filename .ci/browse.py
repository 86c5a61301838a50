"""Open every page of the built site in Chromium, as wide as a screen and as a telephone.

    python .ci/browse.py SITE [--chromium FILE] [--screenshots FOLDER] [--pages PAGE ...]

Fails on what a browser's console calls an error, on a file that is missing, on a request that
leaves the site, on mathematics that was not typeset, on pictures that show nothing and markup that
is shown, on a page or a block that is wider than what holds it, and on a search whose first answer
is not the expected one.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page, sync_playwright

__all__ = ["main"]

WIDTHS = {1280: 900, 390: 844}
# What is asked, and the section that the first answer is to name.
SEARCHES = {
    "Eq. 7": "math/#eq-7",
    "slim": "api/calls/#slimdc.slim",
    "certify": "api/calls/#slimdc.certify",
    "infinity order": "math/#eq-7",
}
# Where printed columns may scroll inside of their own box: it is counted, no fault.
MAY_SCROLL = {390: "code"}

# Blocks whose text is wider than they are.
WIDE = """() => {
  const found = [];
  const page = document.scrollingElement;
  if (page.scrollWidth > page.clientWidth)
    found.push(["page", `${page.scrollWidth} > ${page.clientWidth}`]);
  const blocks = "pre > code, .md-typeset__scrollwrap, .arithmatex, p, li, dd, h1, h2, h3, h4";
  for (const box of document.querySelectorAll("article " + blocks.replaceAll(", ", ", article "))) {
    // A name at the end of a line may stand out by the padding of its box.
    const spare = box.matches("p, li, dd") ? 5 : 1;
    if (getComputedStyle(box).display !== "inline" && box.scrollWidth > box.clientWidth + spare)
      found.push([box.tagName.toLowerCase(),
        `${box.scrollWidth} > ${box.clientWidth}: ${box.textContent.trim().slice(0, 60)}`]);
  }
  for (const tag of document.querySelectorAll(".katex-display .katex-tag")) {
    const number = tag.getBoundingClientRect();
    for (const base of tag.parentElement.querySelectorAll(".katex-base")) {
      const part = base.getBoundingClientRect();
      if (!tag.contains(base) && part.right > number.left && part.bottom > number.top + 2
          && part.top < number.bottom - 2)
        found.push(["tag", `lies over its equation: ${tag.parentElement.textContent}`]);
    }
  }
  for (const cell of document.querySelectorAll("[data-stacked] td"))
    if (cell.offsetParent && parseFloat(getComputedStyle(cell).paddingLeft) < 60)
      found.push(["cell", `lies over its heading: ${cell.dataset.heading}`]);
  for (const image of document.images)
    if (image.getBoundingClientRect().right > page.clientWidth)
      found.push(["img", image.src]);
  return found;
}"""
BAD_MATHEMATICS = """() => [...document.querySelectorAll(".arithmatex")]
  .filter(box => !box.querySelector(".katex") || box.querySelector(".katex-error"))
  .map(box => box.textContent.slice(0, 80))"""

# Pictures that show nothing, and markup that is shown instead of being obeyed.
BAD_MARKUP = """() => {
  const found = [...document.images].filter(image => !image.src || !image.naturalWidth)
    .map(image => image.alt.slice(0, 80) || image.outerHTML.slice(0, 80));
  const words = document.createTreeWalker(document.querySelector("article") || document.body, 4);
  while (words.nextNode()) {
    const text = words.currentNode;
    if (!text.parentElement.closest("code, pre, script, style")
        && /<\\/?[a-z]+[ >]| (src|href)=|\\]\\(|\\*\\*/.test(text.textContent))
      found.push(text.textContent.trim().slice(0, 80));
  }
  return found;
}"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        """Find also what 404.html asks for, under the folder of its address on the web."""
        found = super().translate_path(path)
        if Path(found).exists():
            return found
        return super().translate_path("/" + path.lstrip("/").partition("/")[2])

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def _served(site: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def _listen(page: Page, root: str, faults: list[str]) -> None:
    def asked(request: Any) -> None:
        if not request.url.startswith((root, "data:", "blob:")):
            faults.append(f"asks for {request.url}")

    def answered(response: Any) -> None:
        if response.status >= 400:
            faults.append(f"{response.status} for {response.url}")

    def unanswered(request: Any) -> None:
        # What is under way when the next page is opened is aborted.
        if request.failure != "net::ERR_ABORTED":
            faults.append(f"no answer for {request.url}: {request.failure}")

    page.on("request", asked)
    page.on("response", answered)
    page.on("requestfailed", unanswered)
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on(
        "console",
        lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None,
    )


def _look(page: Page, width: int, faults: list[str], scrolling: list[str]) -> int:
    """Judge the page that is open; give the number of its equations."""
    if page.locator(".arithmatex").count():
        page.wait_for_selector("html[data-typeset]", timeout=20_000, state="attached")
    page.evaluate("document.fonts.ready")
    faults += [f"not typeset: {text}" for text in page.evaluate(BAD_MATHEMATICS)]
    faults += [f"not shown as meant: {text}" for text in page.evaluate(BAD_MARKUP)]
    for what, said in page.evaluate(WIDE):
        inside = what == MAY_SCROLL.get(width)
        (scrolling if inside else faults).append(f"{what} too wide, {said}")
    return page.locator(".arithmatex").count()


def _search(page: Page, root: str, asked: str) -> list[str]:
    """Give the page that is found first, and its sections that are named."""
    page.goto(root)
    page.keyboard.press("/")
    page.keyboard.type(asked)
    first = page.locator(".md-search-result__item").first
    first.wait_for(timeout=20_000)
    page.wait_for_timeout(500)  # answers come in as the index is read
    links = [str(link.get_attribute("href")) for link in first.locator("a").all()]
    return [re.sub(r"\?[^#]*", "", link.removeprefix(root)) for link in links]


def main() -> int:
    """Print what was counted and what is wrong; give 1 where anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--pages", nargs="*", help="only these, such as math/")
    options = parser.parse_args()
    paths = sorted(
        path.relative_to(options.site).as_posix().removesuffix("index.html")
        for path in options.site.rglob("*.html")
    )
    if options.pages:
        paths = [path for path in paths if path in options.pages]
    counted: Counter[str] = Counter()
    wrong: list[str] = []
    with _served(options.site) as root, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for width, height in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            faults: list[str] = []
            _listen(page, root, faults)
            for path in paths:
                scrolling: list[str] = []
                page.goto(root + path, wait_until="load")
                counted["equations"] += _look(page, width, faults, scrolling)
                counted["pages"] += 1
                counted[f"boxes that scroll at {width}"] += len(scrolling)
                print(f"{width:5} {path or '(home)'}: {len(faults)} faults", flush=True)
                for line in scrolling:
                    print(f"        scrolls: {' '.join(line.split())}")
                wrong += [
                    f"{path or '(home)'} at {width}: {' '.join(fault.split())}" for fault in faults
                ]
                faults.clear()
                if options.screenshots:
                    options.screenshots.mkdir(parents=True, exist_ok=True)
                    name = path.strip("/").replace("/", "-") or "home"
                    page.screenshot(
                        path=options.screenshots / f"{name}-{width}.png", full_page=True
                    )
            page.close()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for asked, expected in SEARCHES.items():
            try:
                first = _search(page, root, asked)
            except Error as error:
                first = [type(error).__name__]
            counted["searches"] += 1
            print(f"search {asked!r}: {', '.join(first)}")
            if expected not in first[:3]:  # the page, and the first sections of it
                wrong.append(f"search for {asked!r} finds {first} first, not {expected}")
        browser.close()
    print(", ".join(f"{number} {what}" for what, number in counted.items()))
    for line in wrong:
        print(f"WRONG {line}", file=sys.stderr)
    print(f"{len(wrong)} faults")
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
