"""The mutants of a module: its source with one expression or statement changed, for `mutants.py`.

Nothing is changed in docstrings, annotations, decorators, messages (what is raised or warned, and
f-strings) and lists of public names.
"""

from __future__ import annotations

import ast
import copy
import difflib
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# Either name of a pair is replaced by the other, as a function or a method.
PAIRS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("any", "all"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("floor", "ceil"),
    ("sum", "max"),
    ("cos", "sin"),
)
OTHER_NAMES = {old: new for a, b in PAIRS for old, new in ((b, a), (a, b))}
# Words that the sources choose by.
PAIRED_WORDS = (("float32", "float64"), ("frobenius", "spectral"), ("relative", "printed"))
OTHER_WORDS = {old: new for a, b in PAIRED_WORDS for old, new in ((b, a), (a, b))}
# Calls that may be left out, for their first argument.
OMISSIBLE = {"abs", "sqrt", "square", "sorted", "reversed", "exp", "log", "stop_gradient", "copy"}
# With others nothing changes on a CPU, or only a check of lengths is lost.
IDLE_KEYWORDS = {"strict", "device"}
# Their first two arguments are not alike: swapped, they fail at once.
UNLIKE = {"isinstance", "issubclass", "getattr", "setattr", "hasattr", "map", "filter", "replace"}


@dataclass(frozen=True)
class Mutant:
    """A module with one change: lines ``before`` at ``line`` became ``after``."""

    path: str
    line: int
    operator: str
    before: str
    after: str
    text: str
    program: str


def mutants(path: str, text: str) -> list[Mutant]:
    """Make all mutants of a module, each program once, in the order of its lines."""
    finder = _Finder()
    tree = ast.parse(text)
    finder.visit(tree)
    seen, found = {_program(text)}, []
    for node, replacement, operator in finder.found:
        mutated = _replaced(text, node, replacement)
        try:
            program = _program(mutated)
        except SyntaxError:
            continue
        if program not in seen:
            seen.add(program)
            line, before, after = _changed(text, mutated)
            found.append(Mutant(path, line, operator, before, after, mutated, program))
    return sorted(found, key=lambda mutant: mutant.line)


def _program(text: str) -> str:
    """Give a source without comments, layout, docstrings and the list of public names."""
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if not _lists_names(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = _undocumented(node.body) or [ast.Pass()]
    return ast.unparse(tree)


def _lists_names(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and "__all__" in {_name(target) for target in node.targets}


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if is_text else body


def _replaced(text: str, node: Any, replacement: str) -> str:
    lines = text.encode().splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno - 1
    head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    lines[first : last + 1] = [head + replacement.encode() + tail]
    return b"".join(lines).decode()


def _changed(old: str, new: str) -> tuple[int, str, str]:
    before, after = old.splitlines(), new.splitlines()
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changes = [block for block in blocks if block[0] != "equal"]
    (_, i, _, j, _), (_, _, k, _, m) = changes[0], changes[-1]
    return (
        i + 1,
        "\n".join(x.strip() for x in before[i:k]),
        "\n".join(x.strip() for x in after[j:m]),
    )


def _name(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def _raises(body: list[ast.stmt]) -> bool:
    return len(body) == 1 and isinstance(body[0], ast.Raise)


class _Finder(ast.NodeVisitor):
    """Collect what to replace, by what, and the kind of the change."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.AST, str, str]] = []
        self.bound: set[str] = set()

    def replace(self, node: ast.AST, new: ast.AST, operator: str) -> None:
        text = ast.unparse(ast.fix_missing_locations(new))
        # In parentheses an expression binds as its node did.
        self.found.append((node, f"({text})" if isinstance(new, ast.expr) else text, operator))

    def with_field(self, node: Any, operator: str, **fields: Any) -> None:
        new = copy.copy(node)
        for name, value in fields.items():
            setattr(new, name, value)
        self.replace(node, new, operator)

    def visit_all(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # Statements

    def visit_Module(self, node: ast.Module) -> None:
        self.visit_all(*_undocumented(node.body))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.visit_all(*_undocumented(node.body))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.visit_all(*node.args.defaults, *node.args.kw_defaults)
        outside = self.bound
        arguments = node.args
        everything = arguments.posonlyargs + arguments.args + arguments.kwonlyargs
        self.bound = {argument.arg for argument in everything}
        for statement in _undocumented(node.body):
            self.remove(statement)
            self.visit(statement)
        self.bound = outside

    def remove(self, node: ast.stmt) -> None:
        """Remove a statement, if the names that it binds are bound already."""
        if isinstance(node, ast.Expr | ast.Raise | ast.Continue | ast.Break | ast.Delete):
            self.replace(node, ast.Pass(), "statement removed")
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [x for target in targets for x in ast.walk(target) if isinstance(x, ast.Name)]
            stored = {name.id for name in names if isinstance(name.ctx, ast.Store)}
            if stored <= self.bound:
                self.replace(node, ast.Pass(), "statement removed")
            self.bound |= stored
        for block in ("body", "orelse", "finalbody"):
            for inner in getattr(node, block, ()):
                if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                    self.remove(inner)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not _lists_names(node):
            self.visit_all(*node.targets, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if _name(node.annotation) != "TypeAlias":
            self.visit_all(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if type(node.op) in ARITHMETIC:
            self.with_field(node, "arithmetic", op=ARITHMETIC[type(node.op)]())
        self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        if (
            isinstance(node.value, ast.Constant) and node.value.value is None
        ) or node.value is None:
            return
        self.with_field(node, "return value", value=ast.Constant(None))
        self.visit(node.value)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        if len(node.elts) > 1 and isinstance(node.ctx, ast.Load):
            swapped = [node.elts[1], node.elts[0], *node.elts[2:]]
            self.with_field(node, "order of a tuple", elts=swapped)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Leave messages alone."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave messages alone."""

    def visit_Assert(self, node: ast.Assert) -> None:
        """Leave assertions alone."""

    # Conditions

    def visit_If(self, node: ast.If) -> None:
        self.decide(node.test, (False,) if _raises(node.body) else (True, False))
        self.visit_all(node.test, *node.body, *node.orelse)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.decide(node.test, (True, False))
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self.decide(node.test, (False,))
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self.decide(condition, (True,))
        self.visit_all(node.iter, *node.ifs)

    def decide(self, node: ast.expr, values: tuple[bool, ...]) -> None:
        for value in values:
            self.replace(node, ast.Constant(value), "condition")

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self.with_field(node, "and/or", op=other)
        for i in range(len(node.values)):
            rest = node.values[:i] + node.values[i + 1 :]
            new = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
            self.replace(node, new, "condition left out")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for i, op in enumerate(node.ops):
            for other in COMPARISONS[type(op)]:
                self.with_field(
                    node, "comparison", ops=[*node.ops[:i], other(), *node.ops[i + 1 :]]
                )
        self.generic_visit(node)

    # Numbers

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.MatMult):
            self.with_field(node, "order of a product", left=node.right, right=node.left)
        elif type(node.op) in ARITHMETIC:
            self.with_field(node, "arithmetic", op=ARITHMETIC[type(node.op)]())
            self.replace(node, node.left, "operand left out")
            if not isinstance(node.op, ast.Sub | ast.Div):
                self.replace(node, node.right, "operand left out")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        self.replace(node, node.operand, "sign or negation")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.replace(node, ast.Constant(not value), "constant")
        elif isinstance(value, int):
            for other in {value + 1, value - 1, 2 * value} - {value}:
                self.replace(node, ast.Constant(other), "constant")
        elif isinstance(value, float):
            for real in {2.0 * value, -value, 1.0 if value == 0.0 else 0.0} - {value}:
                self.replace(node, ast.Constant(real), "constant")
        elif isinstance(value, str) and value in OTHER_WORDS:
            self.replace(node, ast.Constant(OTHER_WORDS[value]), "constant")

    # Arrays and calls

    def visit_Slice(self, node: ast.Slice) -> None:
        for field in ("lower", "upper"):
            bound = getattr(node, field)
            if bound is not None and not isinstance(bound, ast.Constant):
                for op in (ast.Add(), ast.Sub()):
                    new = ast.BinOp(bound, op, ast.Constant(1))
                    self.replace(bound, new, "slice")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in ("mT", "T"):
            self.replace(node, node.value, "transposition left out")
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        name, given = _name(node.func), node.args
        if name == "warn":
            return
        if name in OTHER_NAMES:
            function = copy.copy(node.func)
            setattr(function, "id" if isinstance(function, ast.Name) else "attr", OTHER_NAMES[name])
            self.with_field(node, "function", func=function)
        if name in OMISSIBLE and given:
            self.replace(node, given[0], "call left out")
        if len(given) > 1 and name not in UNLIKE:
            self.with_field(node, "order of arguments", args=[given[1], given[0], *given[2:]])
        self.visit_all(node.func, *given)
        for i, keyword in enumerate(node.keywords):
            if keyword.arg in IDLE_KEYWORDS:
                continue
            if keyword.arg is not None:
                rest = node.keywords[:i] + node.keywords[i + 1 :]
                self.with_field(node, "keyword left out", keywords=rest)
            self.visit(keyword.value)
