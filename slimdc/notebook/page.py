"""The frame of what is shown: its style, its escaping, and what stands in where drawing fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

__all__ = ["card", "facts", "shown_or_text", "table"]

# Colours of the page are kept, so that light and dark are both right: text and drawings inherit
# theirs, lines are a grey that is seen on either.
_STYLE = """
.slimdc{font:13px/1.45 system-ui,sans-serif;border:1px solid rgba(128,128,128,.4);
border-radius:6px;padding:10px 14px;display:inline-block;max-width:min(760px,100%);
overflow-x:auto;box-sizing:border-box}
.slimdc .slimdc-head{font-size:14px;margin-bottom:2px}
.slimdc .slimdc-soft{opacity:.72}
.slimdc .slimdc-row{display:flex;flex-wrap:wrap;gap:8px 28px;align-items:flex-start;margin-top:10px}
.slimdc figure{margin:0;text-align:center;font-size:11px}
.slimdc .slimdc-tiles{display:flex;flex-wrap:wrap;gap:6px;margin-top:10px}
.slimdc .slimdc-tiles img{width:56px;height:56px;object-fit:contain;image-rendering:pixelated;
display:block;background:none;margin:0;max-width:none}
.slimdc .slimdc-strip img{width:100%;max-width:520px;image-rendering:pixelated;display:block}
.slimdc svg{display:block;max-width:100%}
.slimdc table.slimdc-table{border-collapse:collapse;font-size:12px;margin:8px 0 0;border:0;
color:inherit;background:none;display:table;width:auto}
.slimdc .slimdc-table tr{background:none;border:0}
.slimdc .slimdc-table th,.slimdc .slimdc-table td{border:0;background:none;color:inherit;
text-align:left;padding:1px 16px 1px 0;vertical-align:top;max-width:none;white-space:normal}
.slimdc .slimdc-table th{font-weight:400;opacity:.72}
.slimdc .slimdc-table td.slimdc-number{font-variant-numeric:tabular-nums;text-align:right;
white-space:nowrap}
.slimdc .slimdc-big{font-size:22px;font-weight:600;font-variant-numeric:tabular-nums}
.slimdc .slimdc-mark{display:inline-block;width:9px;height:9px;border-radius:50%;
margin-right:7px;background:#8a8a8a}
.slimdc .slimdc-good{background:#2f9e5f}.slimdc .slimdc-bad{background:#d64545}
"""


def card(head: str, *parts: str) -> str:
    """Frame what is shown of one thing.

    Parameters
    ----------
    head : str
        Its first line, as HTML.
    *parts : str
        What is below it, as HTML; empty ones are left out.

    Returns
    -------
    str
        HTML with a style that touches nothing else.

    Examples
    --------
    >>> card("<b>a set</b>").endswith('<div class="slimdc-head"><b>a set</b></div></div>')
    True
    """
    style = _STYLE.replace("\n", "")
    inner = f'<div class="slimdc-head">{head}</div>' + "".join(parts)
    return f'<style>{style}</style><div class="slimdc">{inner}</div>'


def facts(named: Iterable[tuple[str, str]]) -> str:
    """Lay out facts by name, as text that is escaped here.

    Examples
    --------
    >>> "<th>k</th><td>a&lt;b</td>" in facts([("k", "a<b")])
    True
    """
    rows = (f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in named)
    return f'<table class="slimdc-table"><tbody>{"".join(rows)}</tbody></table>'


def table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Lay out rows of text below names, all of it escaped here; numbers stand to the right.

    Examples
    --------
    >>> "<td>a&amp;b</td>" in table(["x", "y"], [["a&b", "1.5"]])
    True
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<table class="slimdc-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def shown_or_text(page: Callable[[], str], text: Callable[[], str]) -> str:
    """Make a page, or the text of the object where that fails.

    Examples
    --------
    >>> shown_or_text(lambda: 1 / 0, lambda: "a<b")
    '<pre>a&lt;b</pre>'
    """
    try:
        return page()
    except Exception:  # a display must not end what the cell has computed
        return f"<pre>{escape(text())}</pre>"


def _cell(text: str) -> str:
    numeric = text[:1].isdigit() or text == "–"
    return f"<td{' class=slimdc-number' if numeric else ''}>{escape(text)}</td>"
