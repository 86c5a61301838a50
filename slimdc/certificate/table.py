"""The text of a certificate: a verdict in plain words, and a table of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slimdc.certificate.report import Bound, Certificate, Condition, Distance

__all__ = ["COLUMNS", "table", "verdict"]

COLUMNS = 100

# Below this part of its length, what moved the solution is not worth a word.
_WORDS = 5e-4


def verdict(report: Certificate) -> str:
    """Say what slimming did to the linear solution, and what the bounds are worth.

    Parameters
    ----------
    report : Certificate
        Of two sets.

    Returns
    -------
    str
        One sentence.

    Examples
    --------
    See `slimdc.Certificate`.
    """
    return f"{_what_happened(report)}; {_what_bounds_say(report)}."


def table(report: Certificate) -> list[str]:
    """Lay out the verdict, distances and bounds.

    Parameters
    ----------
    report : Certificate
        Of two sets.

    Returns
    -------
    list of str
        Lines; bounds that say nothing share the last ones.

    Examples
    --------
    See `slimdc.Certificate`.
    """
    before, after = report.components
    lines = _wrapped(report.verdict)
    lines += [f"Linear regression on {before} -> {after} components: {_title(report)}", ""]
    lines.append(f"{'distance':<23}{'Frobenius':>12}{'spectral':>12}{'relative':>12}")
    lines += _distance_lines(f"first order, eta = {report.eta:g}", report.first_order)
    lines += _distance_lines("infinity order", report.infinity_order)
    if report.kept_ratio is not None:
        changed = "" if report.truncation else ", as they were before"
        held = f"the part of W's squared norm that the kept hold{changed}"
        lines.append(f"kept ratio: {report.kept_ratio:.4f}, {held}")
    told = [bound for bound in report.bounds if not _says_nothing(bound)]
    if told:
        title = "bound (slack is bound minus value)"
        lines += ["", f"{title:<35}{'norm':<11}{'value':>10}{'bound':>11}{'slack':>11}  says"]
    conditions: tuple[Condition, ...] = ()
    for bound in told:
        lines += _bound_lines(bound, bound.conditions == conditions)
        conditions = bound.conditions
    silent = [bound for bound in report.bounds if _says_nothing(bound)]
    if silent:
        lines += ["", *_wrapped(f"Saying nothing here: {'; '.join(_reasons(silent))}.")]
    if report.notes:
        lines.append("")
        for note in report.notes:
            lines += _wrapped(f"Note: {note}.")
    return lines


def _what_happened(report: Certificate) -> str:
    whole = report.infinity_order
    if report.kept_ratio is None:
        return f"The linear solution lies {_length(whole.relative)} away"
    kept = f"Slimming kept {100 * report.kept_ratio:.1f} % of the linear solution (in squared norm)"
    if whole.changed is None or whole.changed.relative < _WORDS:
        return kept
    return f"{kept}, and changing what it kept moved it by {_length(whole.changed.relative)}"


def _what_bounds_say(report: Certificate) -> str:
    verdicts = [bound.verdict for bound in report.bounds]
    if not verdicts:
        return "no bound applies"
    if "violated" in verdicts:
        return "a bound is violated, which is a fault of slimdc"
    if "undecided" in verdicts:
        return "rounding leaves it open whether the bounds hold"
    last = [bound.verdict for bound in report.bounds if bound.name == "infinity order"]
    if "holds" in last:
        return "the bounds hold"
    if "vacuous" in last:
        return "the bound says nothing here (it exceeds the norm of the solution itself)"
    return "no bound of it applies here"


def _length(part: float) -> str:
    told = f"{100 * part:.1f} % of" if part < 10 else f"{part:.3g} times"
    return f"{told} its length"


def _title(report: Certificate) -> str:
    if not report.bounds:
        return "measured distances only"
    if report.truncation:
        return "truncation"
    kept = "samples" if report.kind == "rows" else "components"
    return f"the kept {kept} were changed"


def _distance_lines(name: str, distance: Distance) -> Iterator[str]:
    parts = (("  removed", distance.removed), ("  changed", distance.changed))
    for title, one in ((name, distance), *parts):
        if one is not None:
            numbers = (one.frobenius, one.spectral, one.relative)
            yield f"{title:<23}" + "".join(f"{x:>12.3e}" for x in numbers)


def _bound_lines(bound: Bound, same_conditions: bool) -> Iterator[str]:
    shown = (bound.bound, bound.slack)
    numbers = "".join(f"{'-' if x is None else f'{x:.3e}':>11}" for x in shown)
    yield f"{bound.equation:<35}{bound.norm:<11}{bound.value:>10.3e}{numbers}  {bound.verdict}"
    if bound.conditions and same_conditions:
        yield "  if the same holds"
    else:
        yield from (f"  if {condition}" for condition in bound.conditions)
    if bound.verdict == "undecided":
        yield f"  since {bound.reason}"


def _says_nothing(bound: Bound) -> bool:
    return bound.verdict in ("not applicable", "vacuous")


def _reasons(bounds: list[Bound]) -> Iterator[str]:
    """Bounds that say nothing, those for the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for bound in bounds:
        if bound.bound is None:
            failed = ", ".join(str(one) for one in bound.conditions if not one.holds)
            reason = f"not applicable: {failed}"
        else:
            above = "norm of W" if bound.name == "infinity order" else "length of the step itself"
            reason = f"vacuous: {bound.bound:.3e} is above the {above}, {bound.trivial:.3e}"
        by_reason.setdefault(reason, []).append(bound.equation)
    for reason, equations in by_reason.items():
        yield f"{', and '.join(equations)} ({reason})"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
