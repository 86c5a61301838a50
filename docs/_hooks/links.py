"""Lead from "Eq. 7" to where the mathematics states it, and from "docs/large.md" to that page."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["on_page_content"]

_MATHEMATICS = "math.md"
_STATED = re.compile(r"\{.*#eq-(\d+)\b.*\}")
# Nothing is changed inside of these, nor in any tag: pictures have texts as attributes.
_KEPT = re.compile(r"<(a|code|pre|h[1-6]|script|svg)\b.*?</\1>|<[^>]*>", re.DOTALL)
_EQUATIONS = re.compile(r"\bEqs?\. \d+(?:(?:, | and | to | or )\d+)*")
_PAGES = re.compile(r"\bdocs/([\w/-]+\.md)\b")


def on_page_content(html: str, page: Any, files: Any, **_: Any) -> str:
    """Link equations and pages that `html` names, but those in links, code and headings."""
    mathematics = files.get_file_from_path(_MATHEMATICS)
    stated = set(_STATED.findall(mathematics.content_string))
    here = page.file is mathematics

    def equation(found: re.Match[str]) -> str:
        text, number = found[0], found["number"]
        url = mathematics.url_relative_to(page.file)
        return f'<a href="{url}#eq-{number}">{text}</a>' if number in stated else text

    def other(found: re.Match[str]) -> str:
        named = files.get_file_from_path(found[1])
        url = named and named.url_relative_to(page.file)
        return f'<a href="{url}">{found[0]}</a>' if url else found[0]

    def linked(text: str) -> str:
        text = _PAGES.sub(other, text)
        return text if here else _EQUATIONS.sub(numbers, text)

    def numbers(found: re.Match[str]) -> str:
        return re.sub(r"(?:Eq\. )?(?P<number>\d+)", equation, found[0])

    pieces, end = [], 0
    for kept in _KEPT.finditer(html):
        pieces += [linked(html[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join([*pieces, linked(html[end:])])
