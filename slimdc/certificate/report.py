"""What a certificate says: distances, conditions, bounds, and their table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slimdc.certificate.table import table, verdict
from slimdc.notebook.reports import certificate_as_html

__all__ = ["Bound", "Certificate", "Condition", "Distance"]


@dataclass(frozen=True)
class Distance:
    """Distance between parameters found with one set and with another.

    Parameters
    ----------
    frobenius, spectral : float
        Norms of the difference.
    reference : float
        Frobenius norm of what is compared, for the set before: the step η ∂L/∂w, or W.
    removed, changed : Distance or None
        Parts of the distance: to the set that holds what was kept as it was before, and from there
        to the set after. None where the kept were not changed, or nothing is known of them.

    Examples
    --------
    >>> Distance(frobenius=1.0, spectral=0.8, reference=4.0).relative
    0.25
    """

    frobenius: float
    spectral: float
    reference: float
    removed: Distance | None = None
    changed: Distance | None = None

    @property
    def relative(self) -> float:
        """Frobenius distance over `reference`; 0 where nothing differs."""
        if self.frobenius == 0:
            return 0.0
        return self.frobenius / self.reference if self.reference > 0 else math.inf


@dataclass(frozen=True)
class Condition:
    """A condition of a bound, and how the set meets it.

    Parameters
    ----------
    name : str
        What is compared.
    value : float
        What was found.
    relation : str
        "<=" or ">".
    limit : float
        What is asked for.
    holds : bool
        Whether it holds, up to rounding at the precision of the factors.

    Examples
    --------
    >>> print(Condition("spectral norm of V_y", 0.25, "<=", 1.0, True))
    spectral norm of V_y: 0.25 <= 1, holds
    """

    name: str
    value: float
    relation: str
    limit: float
    holds: bool

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "fails"
        return f"{self.name}: {self.value:.4g} {self.relation} {self.limit:.4g}, {verdict}"


@dataclass(frozen=True)
class Bound:
    """One bound: what it says of two sets, and whether it says anything.

    Parameters
    ----------
    name : str
        The distance that is bounded: "first order" or "infinity order".
    equation : str
        Equation of the paper, or its general form.
    norm : str
        "frobenius" or "spectral".
    value : float
        The exact distance.
    bound : float or None
        The bound; None where a condition fails, for then there is none.
    trivial : float or None
        What bounds the distance anyway: ‖W‖₂, or the length of the step itself where V_x has
        orthonormal rows. Where the kept were changed, the same norms: the distance of a set of
        which nothing is left.
    conditions : tuple of Condition
        What the bound asks for.
    tolerance : float
        Part of the bound by which rounding, and conditions that hold up to rounding only, may
        bring the value above it: allowed for in `holds` and `vacuous`.
    reason : str or None
        Why rounding leaves open whether the value respects the bound; None where it does not.
    allowance : float
        What rounding may have added to the value where it is a difference, whatever the bound is.

    Examples
    --------
    >>> bound = Bound("infinity order", "Eq. 10", "spectral", 0.25, 1.0, 0.5, (), 1e-12)
    >>> bound.slack, bound.holds, bound.vacuous, bound.verdict
    (0.75, True, True, 'vacuous')
    """

    name: str
    equation: str
    norm: str
    value: float
    bound: float | None
    trivial: float | None
    conditions: tuple[Condition, ...]
    tolerance: float
    reason: str | None = None
    allowance: float = 0.0

    @property
    def slack(self) -> float | None:
        """Bound minus value; None where there is no bound."""
        return None if self.bound is None else self.bound - self.value

    @property
    def holds(self) -> bool:
        """Whether there is a bound that the value respects up to rounding, beyond doubt."""
        if self.bound is None or self.reason is not None:
            return False
        return self.value <= self.bound * (1 + self.tolerance) + self.allowance

    @property
    def vacuous(self) -> bool:
        """Whether the bound exceeds what bounds the distance anyway."""
        if self.bound is None or self.trivial is None:
            return False
        return self.bound > self.trivial * (1 + self.tolerance)

    @property
    def verdict(self) -> str:
        """What the bound says of the two sets, in a word or two.

        - "not applicable": a condition fails, so that there is no bound.
        - "undecided": there is one, but rounding leaves too few digits to compare; see `reason`.
        - "violated": the value exceeds it by more than `tolerance` and `allowance`. This would
          contradict a theorem.
        - "vacuous": the value respects it, and would respect what is above `trivial` anyway.
        - "holds": the value respects it, and nothing less is known beforehand.
        """
        if self.bound is None:
            return "not applicable"
        if self.reason is not None:
            return "undecided"
        if not self.holds:
            return "violated"
        return "vacuous" if self.vacuous else "holds"


@dataclass(frozen=True)
class Certificate:
    """Report of `slimdc.certify`; its text is a verdict and a table.

    Parameters
    ----------
    kind : {"truncation", "rows", "measured"}
        What stands behind the set after: the components of largest ``|s|`` of the set before, or
        some of its samples, changed or not; or nothing that is known.
    full_rank : bool
        Whether the components before are linearly independent and no significance vanishes, as
        far as the precision of the factors can tell.
    components : tuple of int
        Components of all classes together, before and after; there without those whose significance
        vanishes, unless it is a truncation.
    eta : float
        Rate of the first-order step.
    first_order, infinity_order : Distance
        Exact distances after one step from w, and between least-norm solutions.
    kept_ratio : float or None
        ‖W'‖_F² / ‖W‖_F², with W' of what was kept as it was before; None where there is no bound of
        infinity order.
    bounds : tuple of Bound
        Of a truncation Eq. 9 with s₂, with the largest removed s, and for any V_x; Eq. 10, and for
        any V. Where the kept were changed, the general forms and the exact removal, each with what
        the change adds. Empty unless there is a `kind` to bound, and `full_rank`.
    notes : tuple of str
        Why something is left out.

    Examples
    --------
    >>> distance = Distance(0.5, 0.5, 1.0)
    >>> how = {"kept_ratio": None, "bounds": (), "notes": ("other classes",)}
    >>> report = Certificate("measured", True, (4, 2), 1.0, distance, distance, **how)
    >>> print(report)
    The linear solution lies 50.0 % of its length away; no bound applies.
    Linear regression on 4 -> 2 components: measured distances only
    <BLANKLINE>
    distance                  Frobenius    spectral    relative
    first order, eta = 1      5.000e-01   5.000e-01   5.000e-01
    infinity order            5.000e-01   5.000e-01   5.000e-01
    <BLANKLINE>
    Note: other classes.
    """

    kind: str
    full_rank: bool
    components: tuple[int, int]
    eta: float
    first_order: Distance
    infinity_order: Distance
    kept_ratio: float | None
    bounds: tuple[Bound, ...]
    notes: tuple[str, ...]

    @property
    def truncation(self) -> bool:
        """Whether the set after is the set before without its least significant components.

        To the bit: nothing that was kept is changed.
        """
        return self.kind == "truncation" and self.first_order.changed is None

    @property
    def holds(self) -> bool:
        """Whether there are bounds, and the distances respect each that applies, beyond doubt.

        A bound that does not apply says nothing against it; one that is violated or undecided
        does. False where there are no bounds at all.
        """
        return bool(self.bounds) and all(b.holds for b in self.bounds if b.bound is not None)

    @property
    def verdict(self) -> str:
        """What slimming did to the linear solution, in a sentence; the first line of the text."""
        return verdict(self)

    def __str__(self) -> str:
        return "\n".join(table(self))

    def _repr_html_(self) -> str:
        return certificate_as_html(self)
