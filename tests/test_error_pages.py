"""Every error ends with a page of the documentation, and that page is there and knows of it."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import slimdc
from slimdc import _pages, cli, errors
from slimdc.commands import COMMANDS
from slimdc.errors import FileError, InvalidValueError, SlimdcError

ROOT = Path(slimdc.__file__).parents[1]
SOURCES = sorted(
    path for folder in ("slimdc", "backends") for path in (ROOT / folder).rglob("*.py")
)
CLASSES = [name for name in errors.__all__ if name.endswith("Error") and name != "SlimdcError"]
PAGE = re.compile(r"docs/[a-z/_-]+\.md(#[a-z0-9-]+)?")
ENDING = re.compile(rf" \(see ({PAGE.pattern})\)$")


def anchors(text: str) -> set[str]:
    """The anchors that MkDocs makes of the headings of a page, or that they name themselves."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.M):
        named = re.search(r"\{ *#([\w-]+) *\}", heading)
        words = re.sub(r"[^\w\s-]", "", heading).strip().lower()
        found.add(named[1] if named else re.sub(r"[\s-]+", "-", words))
    return found


def linked() -> Iterator[tuple[str, str]]:
    """Every page that an error may end with, and where it is named."""
    for table in (_pages.ARGUMENTS, _pages.FILES, _pages.KINDS):
        yield from ((page, name) for name, page in table.items())
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and PAGE.fullmatch(str(node.value)):
                yield str(node.value), str(path.relative_to(ROOT))


def raised() -> Iterator[tuple[str, str]]:
    """The class and the argument of every error that names both where it is raised."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in CLASSES:
                continue
            if node.args and isinstance(node.args[0], ast.Constant):
                yield node.func.id, node.args[0].value


def test_every_page_and_heading_that_is_named_exists() -> None:
    pages = sorted(set(linked()))
    assert len(pages) > 80
    for page, where in pages:
        name, _, anchor = page.partition("#")
        assert (ROOT / name).is_file(), f"{where} names {name}"
        known = anchors((ROOT / name).read_text(encoding="utf-8"))
        assert not anchor or anchor in known, f"{where} names {page}, which has {sorted(known)}"
        assert f": {name.removeprefix('docs/')}\n" in (ROOT / "mkdocs.yml").read_text(), name


@pytest.mark.parametrize("arguments", [[], ["no-command"], *([name, "--odd"] for name in COMMANDS)])
def test_wrong_usage_ends_with_the_page_of_the_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    found = ENDING.search(line)
    assert found, line
    name, _, anchor = found[1].partition("#")
    assert name == "docs/commands.md"
    # An option that no command knows is found by the parser of all of them.
    assert line.startswith("slimdc:") if not anchor else anchor == arguments[0]
    assert not anchor or anchor in anchors((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("argument", _pages.ARGUMENTS)
def test_the_page_of_an_argument_names_it(argument: str) -> None:
    text = (ROOT / _pages.ARGUMENTS[argument].partition("#")[0]).read_text(encoding="utf-8")
    code = " ".join(re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL))
    assert re.search(rf"\b{argument}\b", code + text), argument
    assert len(argument) < 3 or re.search(rf"\b{argument}\b", code), f"{argument} is no code there"


def test_the_table_names_arguments_that_errors_name() -> None:
    words = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    for argument in _pages.ARGUMENTS:
        assert re.search(rf"\"(--)?{argument}\"|\b{argument}=|\b{argument}:", words), argument


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_a_section_of_its_own(name: str) -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert name.lower() in anchors(text)
    assert name in _pages.KINDS


def test_every_error_that_is_raised_ends_with_a_page() -> None:
    found = set(raised())
    assert len(found) > 100
    for kind, argument in found:
        message = str(getattr(errors, kind)(argument, "this", "that"))
        assert message.startswith(f"{argument}: found this, expected that (see docs/")
        assert ENDING.search(message)
        assert "\n" not in message


@pytest.mark.parametrize(
    ("error", "page"),
    [
        (InvalidValueError("k", "0", "1"), "docs/bytes.md"),
        (InvalidValueError("--data", "0", "1"), "docs/errors.md#samples-and-labels"),
        (InvalidValueError("preprocessing.std", "0", "1"), "docs/preprocessing.md"),
        (InvalidValueError("shards[3]", "0", "1"), "docs/large.md"),
        (InvalidValueError("k, nbytes", "0", "1"), "docs/errors.md#invalidvalueerror"),
        (InvalidValueError("component 3", "0", "1"), "docs/errors.md#invalidvalueerror"),
        (errors.NumericalError("data", "0", "1"), "docs/errors.md#numericalerror"),
        (errors.MissingLibraryError("path", "0", "1"), "docs/install.md#other-extras"),
        (FileError("/a/b/k.safetensors", "0", "1"), "docs/format.md"),
        (FileError("k.gz", "0", "1"), "docs/errors.md#fileerror"),
        (FileError("state", "0", "1"), "docs/replay.md"),
        (FileError("data.pt['k']", "0", "1"), "docs/formats.md"),
        (FileError("set.npz", "0", "1", see="docs/large.md"), "docs/large.md"),
        (SlimdcError("nothing known", "0", "1"), "docs/errors.md"),
    ],
)
def test_the_page_is_that_of_the_argument_the_file_or_the_class(
    error: SlimdcError, page: str
) -> None:
    assert error.see == page
    assert str(error).endswith(f"expected 1 (see {page})")
    for twin in (pickle.loads(pickle.dumps(error)), pickle.loads(pickle.dumps(error, 0))):
        assert (type(twin), str(twin), twin.see) == (type(error), str(error), page)


def test_a_class_of_others_finds_a_page() -> None:
    class TheirError(InvalidValueError):
        pass

    assert TheirError("nothing known", "0", "1").see == "docs/errors.md"
    assert TheirError("bits", "0", "1").see == "docs/bytes.md"


def test_an_error_that_tells_of_another_has_one_page(tmp_path: Path) -> None:
    inner = InvalidValueError("k", "0", "1")
    outer = FileError("set.safetensors", f"a damaged set ({inner})", "a set")
    assert str(outer).count("(see ") == 1
    assert outer.see == "docs/format.md"
    assert "k: found 0, expected 1)" in outer.found


def test_the_command_line_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    from slimdc.cli import main

    assert main(["certify", "missing.safetensors", "missing.safetensors"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("expected a file to read (see docs/format.md)")
