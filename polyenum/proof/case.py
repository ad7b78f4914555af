"""What is checked, what a check knows about it, and what it has found wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.errors import CheckError
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.proof.claims import error_limits
from polyenum.proof.derived import fresh_complex, fresh_network
from polyenum.proof.layout import Layout
from polyenum.proof.rational import RationalForms
from polyenum.proof.shape import DomainShape

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

_MOST_FINDINGS = 20


class Case:
    """One result under examination.

    Floats work in scaled coordinates, ``t = 2**exponent * t'`` for an exponent of each axis, in which no
    coordinate of the domain exceeds 2.  So a domain that is 1e-300 wide, or 1e300, is like any other.

    Parameters
    ----------
    cx : RegionComplex
    network : PiecewiseLinearNetwork
    domain : Domain

    Attributes
    ----------
    network : PiecewiseLinearNetwork
    fresh : RegionComplex
        The network and the complex again, without anything that they keep of what was computed.
    layout : Layout
    rational : RationalForms
        The exact tier.
    shape : DomainShape
    exponents : (dim,) int64
    side_rows : (sides, dim + 1) float64
        The domain's sides as forms in scaled coordinates, positive inside, each entry rounded once.
    size : Fraction
        The largest absolute value of a coordinate in the domain.
    certified : bool
        Whether the complex claims that its errors are proven.
    vertex_limit : float
        How far off a vertex may be: what is claimed; infinite if nothing is.
    map_limits : (2, outputs) float64
        How far off the maps' coefficients and constants may be.
    vertex_error : float
        How far a vertex was proven to be off at most.
    map_error : float
        The same of an entry of a map.
    findings : list of str
        What is wrong.
    bad : set of int
        The regions with findings; the first of each is enough.
    float_signs, exact_signs : int
        How many signs were proven, and how.
    """

    def __init__(self, cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self.cx, self.domain = cx, domain
        self.network = fresh_network(network)
        self.fresh = fresh_complex(cx, self.network, domain)
        self.dim = domain.dim
        self.layout = Layout(self.network)
        self.rational = RationalForms(self.network, domain, self.layout)
        self.shape = DomainShape(domain)
        reach = self.shape.reach()
        self.size = max(reach)
        self.exponents = np.array([_exponent(x) for x in reach], np.int64)
        self.side_rows = np.array([self._scaled_side(form) for form in domain.sides])
        self.certified = bool(cx.certificate.certified)
        self.vertex_limit, self.map_limits = error_limits(cx, self.layout, domain, self.size)
        self.vertex_error = self.map_error = 0.0
        self.findings: list[str] = []
        self.bad: set[int] = set()
        self.float_signs = self.exact_signs = 0

    def _scaled_side(self, form: tuple[int, ...]) -> list[float]:
        factors = [Fraction(2) ** int(e) for e in self.exponents]
        row = [a * f for a, f in zip(form[:-1], factors, strict=True)]
        largest = max(map(abs, row))
        # The domain has points on each of its sides, so the constant is at most 2 * dim.
        return [float(x / largest) for x in [*row, Fraction(form[-1])]]

    def scaled(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `points` (..., dim) in scaled coordinates: exact, or within the smallest subnormal."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(points, -self.exponents) if self.exponents.any() else points.copy()

    def unscaled(self, radius: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return distances (..., dim), given in scaled coordinates, in the domain's, rounded up."""
        with np.errstate(over="ignore", under="ignore"):
            there = np.ldexp(radius, self.exponents)
        return np.where(radius > 0, np.nextafter(there, np.inf), there)

    def limits(self, bound: float) -> NDArray[np.float64]:
        """Return a `bound` on coordinates, (dim,) in scaled ones, rounded down."""
        with np.errstate(over="ignore", under="ignore"):
            there = np.ldexp(np.full(self.dim, bound), -self.exponents)
        return np.nextafter(there, 0.0)

    def rows(self, labels: list[int], sides: NDArray[np.bool_]) -> list[list[int]]:
        """Return forms, up to positive factors, that vanish on hyperplanes of the region with these sides."""
        return [self.rational.whole(label, sides)[0] for label in labels]

    def find(self, region: int, message: str) -> None:
        """Note what is wrong with a region: once each."""
        if region not in self.bad:
            self.bad.add(region)
            self.findings.append(f"region {region}: {message}")

    def raise_findings(self) -> None:
        """Raise a CheckError if anything was found.

        Raises
        ------
        CheckError
        """
        if self.findings:
            raise error_of(self.findings)


def error_of(findings: list[str]) -> CheckError:
    """Return the error that lists what was found."""
    first, *others = findings
    more = f" (and {len(others):,} more findings)" if others else ""
    listed = findings[:_MOST_FINDINGS]
    if len(findings) > _MOST_FINDINGS:
        listed.append(f"and {len(findings) - _MOST_FINDINGS:,} more")
    return CheckError(f"the result is not what it claims to be: {first}{more}", listed)


def _exponent(size: Fraction) -> int:
    """Return the largest ``e`` for which ``2**e`` is at most `size`."""
    e = size.numerator.bit_length() - size.denominator.bit_length()
    return e if Fraction(2) ** e <= size else e - 1
