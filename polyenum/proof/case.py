"""What is checked, what a check knows about it, and what it has found wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.proof.rational import RationalForms

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex


class Case:
    """One result under examination.

    Parameters
    ----------
    cx : RegionComplex
    network : PiecewiseLinearNetwork
    domain : Domain

    Attributes
    ----------
    rational : RationalForms
        The exact tier.
    thresholds : (hyperplanes,) float64
    domain_rows : (sides, dim + 1) float64
        The domain's sides as forms, positive inside, each entry rounded once.
    findings : list of str
        What is wrong.
    bad : set of int
        The regions with findings; the first of each is enough.
    float_signs, exact_signs : int
        How many signs were proven, and how.
    """

    def __init__(self, cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self.cx, self.network, self.domain = cx, network, domain
        self.rational = RationalForms(network, domain)
        self.thresholds = np.concatenate([s.activation.breakpoints for s in network.stages])
        sides = [[x / max(map(abs, form[:-1])) for x in form] for form in domain.sides]
        self.domain_rows = np.array(sides, np.float64)
        self.findings: list[str] = []
        self.bad: set[int] = set()
        self.float_signs = self.exact_signs = 0

    def find(self, region: int, message: str) -> None:
        """Note what is wrong with a region: once each."""
        if region not in self.bad:
            self.bad.add(region)
            self.findings.append(f"region {region}: {message}")
