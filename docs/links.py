"""Lead from "Eq. 7", wherever a page says it, to where the mathematics states it."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["on_page_content"]

_PAGE = "math.md"
_STATED = re.compile(r"\{.*#eq-(\d+)\b.*\}")
# Nothing is changed inside of these.
_KEPT = re.compile(r"<(a|code|pre|h[1-6]|script|svg)\b.*?</\1>", re.DOTALL)
_EQUATIONS = re.compile(r"\bEqs?\. \d+(?:(?:, | and | to | or )\d+)*")


def on_page_content(html: str, page: Any, files: Any, **_: Any) -> str:
    """Link the numbers of equations in `html`, but those in links, code and headings."""
    mathematics = files.get_file_from_path(_PAGE)
    if page.file is mathematics:
        return html
    stated = set(_STATED.findall(mathematics.content_string))
    target = mathematics.url_relative_to(page.file)

    def link(found: re.Match[str]) -> str:
        text, number = found[0], found["number"]
        return f'<a href="{target}#eq-{number}">{text}</a>' if number in stated else text

    def links(text: str) -> str:
        return _EQUATIONS.sub(
            lambda found: re.sub(r"(?:Eq\. )?(?P<number>\d+)", link, found[0]), text
        )

    pieces, end = [], 0
    for kept in _KEPT.finditer(html):
        pieces += [links(html[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join([*pieces, links(html[end:])])
