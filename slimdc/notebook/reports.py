"""Certificates and evaluations in a notebook: the verdict first."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from slimdc.notebook.curves import dots
from slimdc.notebook.page import card, facts, shown_or_text, table

if TYPE_CHECKING:
    from slimdc.certificate.report import Bound, Certificate, Distance
    from slimdc.evaluation import Evaluation
    from slimdc.referencing import ReferenceEvaluations

__all__ = ["certificate_as_html", "evaluation_as_html", "references_as_html"]

_NOTHING = "–"


def certificate_as_html(report: Certificate) -> str:
    """Show a certificate: its verdict, distances, bounds, and what is left out.

    Parameters
    ----------
    report : Certificate
        What `slimdc.certify` gave.

    Returns
    -------
    str

    Examples
    --------
    >>> import slimdc
    >>> data = slimdc.SlimmableDataset.from_arrays([[1.0], [2.0]], [0, 0])
    >>> "linear solution" in certificate_as_html(slimdc.certify(data, data.truncate(1)))
    True
    """
    return shown_or_text(lambda: _certificate(report), lambda: str(report))


def evaluation_as_html(result: Evaluation) -> str:
    """Show an evaluation: accuracy and spread, then the single networks.

    Parameters
    ----------
    result : Evaluation
        What `slimdc.evaluate` gave.

    Returns
    -------
    str

    Examples
    --------
    >>> import slimdc
    >>> "71.00 ± 1.41 %" in evaluation_as_html(slimdc.Evaluation((70.0, 72.0), 500))
    True
    """
    return shown_or_text(lambda: _evaluation(result), lambda: repr(result))


def references_as_html(result: ReferenceEvaluations) -> str:
    """Show what the accuracy of a set is held against.

    Parameters
    ----------
    result : ReferenceEvaluations
        What `slimdc.references` gave.

    Returns
    -------
    str

    Examples
    --------
    >>> import slimdc
    >>> one = slimdc.Evaluation((70.0, 72.0), 500)
    >>> references_as_html(slimdc.ReferenceEvaluations(one, one, one)).count("71.00 ± 1.41 %")
    3
    """
    return shown_or_text(lambda: _references(result), lambda: str(result))


def _references(result: ReferenceEvaluations) -> str:
    named = {
        "as many real samples": result.real,
        "as many rows of the set": result.rows,
        "all real data": result.full,
    }
    rows = [
        [name, f"{one.mean:.2f} ± {one.std:.2f} %", f"{len(one.accuracies):,}", f"{one.steps:,}"]
        for name, one in named.items()
    ]
    names = ["trained on", "accuracy", "networks", "steps each"]
    return card("<b>References</b>", table(names, rows))


def _certificate(report: Certificate) -> str:
    mark = "good" if report.holds else "bad" if _violated(report) else "open"
    head = f'<span class="slimdc-mark slimdc-{mark}"></span><b>{escape(report.verdict)}</b>'
    before, after = report.components
    said = f"linear regression on {before:,} → {after:,} components, {report.kind}"
    soft = f'<div class="slimdc-soft">{escape(said)}</div>'
    distances = table(
        ["distance", "Frobenius", "spectral", "relative"],
        [
            *_distance(f"first order, η = {report.eta:g}", report.first_order),
            *_distance("infinity order", report.infinity_order),
        ],
    )
    bounds = ""
    if report.bounds:
        names = ["bound", "norm", "value", "bound", "slack", "verdict"]
        bounds = table(names, map(_bound, report.bounds))
    notes = "".join(
        f'<div class="slimdc-soft">Note: {escape(note)}.</div>' for note in report.notes
    )
    return card(head, soft, distances, bounds, notes)


def _violated(report: Certificate) -> bool:
    return any(bound.verdict == "violated" for bound in report.bounds)


def _distance(name: str, distance: Distance) -> Iterator[list[str]]:
    parts = (("… removed", distance.removed), ("… changed", distance.changed))
    for title, one in ((name, distance), *parts):
        if one is not None:
            yield [title, *(f"{x:.3e}" for x in (one.frobenius, one.spectral, one.relative))]


def _bound(bound: Bound) -> list[str]:
    failed = [str(condition) for condition in bound.conditions if not condition.holds]
    why = bound.reason or "; ".join(failed)
    verdict = f"{bound.verdict}: {why}" if why and bound.verdict != "holds" else bound.verdict
    numbers = (bound.value, bound.bound, bound.slack)
    shown = (_NOTHING if x is None else f"{x:.3e}" for x in numbers)
    return [bound.equation, bound.norm, *shown, verdict]


def _evaluation(result: Evaluation) -> str:
    count = len(result.accuracies)
    spread = f" ± {result.std:.2f}" if count > 1 else ""
    networks = "1 network" if count == 1 else f"{count:,} networks"
    head = (
        f'<span class="slimdc-big">{result.mean:.2f}{spread} %</span> '
        f'<span class="slimdc-soft">accuracy, {networks}, {result.steps:,} steps each</span>'
    )
    shown = ", ".join(f"{a:.2f}" for a in result.accuracies[:20])
    more = ", …" if count > 20 else ""
    line = f'<div class="slimdc-row"><figure>{dots(result.accuracies[:200], 0.0, 100.0)}'
    line += '<figcaption class="slimdc-soft">0 to 100 %</figcaption></figure></div>'
    named = [("each network", f"{shown}{more} %")]
    if count > 1:
        named.append(("spread", f"{result.std:.2f} points (sample standard deviation)"))
    return card(head, line, facts(named))
