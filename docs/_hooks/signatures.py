"""What is read of the sources for the API pages, corrected where Griffe errs.

It takes the first of the choices in braces for a default; it gives `device, dtype` without a type
the type and default of the first of them; and of a function and the file that it is named after, it
sees the file. The formatter of signatures puts parameters on one line where they fit.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

__all__ = ["Signatures", "on_page_content"]

_KINDS = griffe.DocstringSectionKind
_WITH_TYPES = {_KINDS.raises, _KINDS.returns, _KINDS.yields, _KINDS.warns, _KINDS.attributes}
_NAMES = re.compile(r"\([A-Z]\w+(?:, [A-Z]\w+)+\)")
_SHAPED = re.compile(r"\b(array|array_like|pair|shapes?)\(")
_PRIVATE = re.compile(r"(_[a-z]\w*)\(\)")
_SIGNATURE = re.compile(r'<div class="[^"]*doc-signature.*?</div>', re.DOTALL)
_NEXT = re.compile(
    r'(<span class="p">[^<]*,</span>) (?=<span class="(?:n">\w+</span><span class="p">:|o">\*))'
)
_RETURNED = re.compile(r"^\s+return (.+)$", re.MULTILINE | re.DOTALL)


class Signatures(griffe.Extension):
    """Corrects what was read; stands behind "dataclasses" in the list."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Correct all functions and classes of a package that was loaded."""
        _correct(pkg)
        # What leads through a file is found before functions take the place of files.
        loader.resolve_aliases()
        _put_functions(pkg)


def _correct(holder: griffe.Module | griffe.Class) -> None:
    for member in holder.members.values():
        if member.is_alias:
            continue
        if member.is_function or member.is_class:
            for parameter in member.parameters:
                parameter.default = _told(parameter.default, member)
            _correct_docstring(member)
        if member.is_module or member.is_class:
            _correct(member)


def _put_functions(holder: griffe.Module) -> None:
    for name, member in list(holder.members.items()):
        if member.is_alias and not member.resolved:
            continue
        module = member.final_target if member.is_alias else member
        if not member.is_alias and member.is_module:
            _put_functions(member)
        if module.is_module and name in holder.imports and name in module.members:
            function = module.members[name]
            holder.members[name] = griffe.Alias(name, function, parent=holder)


def _told(default: Any, of: griffe.Object) -> Any:
    """Give what a private function without arguments returns in the place of its call."""
    called = _PRIVATE.fullmatch(str(default))
    if called is None or called[1] not in of.module.members:
        return default
    returned = _RETURNED.search(of.module.members[called[1]].source)
    return default if returned is None else " ".join(returned[1].split())


def _as_written(annotation: Any) -> Any:
    """Give "array (n, d)" and "TypeError, ValueError" as they stand in a docstring."""
    text = str(annotation)
    if _NAMES.fullmatch(text):
        return text[1:-1]
    return _SHAPED.sub(r"\1 (", text) if _SHAPED.search(text) else annotation


def _correct_docstring(of: Any) -> None:
    if of.docstring is None:
        return
    signature = {parameter.name: parameter for parameter in of.parameters}
    own = {str(parameter.annotation) for parameter in signature.values()}
    for section in of.docstring.parsed:
        if section.kind in _WITH_TYPES:
            for said in section.value:
                said.annotation = _as_written(said.annotation)
        if section.kind is not _KINDS.parameters:
            continue
        for said in section.value:
            parameter = signature.get(said.name)
            if parameter is None:
                continue
            said.value = parameter.default
            if str(said.annotation) in {"None", "optional", *own}:
                said.annotation = parameter.annotation
            elif str(said.annotation).startswith(("('", '("')):
                said.annotation = str(said.annotation)[1:-1].replace(", ", " | ")
            else:
                said.annotation = _as_written(said.annotation)


def on_page_content(html: str, **_: Any) -> str:
    """Put each parameter of a signature that has several lines on a line of its own."""
    return _SIGNATURE.sub(
        lambda found: _NEXT.sub(r"\1\n    ", found[0]) if "\n" in found[0] else found[0], html
    )
