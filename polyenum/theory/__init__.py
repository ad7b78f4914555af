"""What is known about the number of regions: bounds, each with its paper, and networks that attain them.

All bounds count the regions of the whole input space; on a convex domain there are no more.

>>> from polyenum import theory
>>> theory.zaslavsky(5, 2), theory.serra_2018(2, [5]), theory.montufar_2017(2, [5, 5])
(16, 16, 256)
"""

from __future__ import annotations

from polyenum.theory.bounds import (
    arora_2018,
    bounds,
    hanin_rolnick_2019,
    montufar_2014,
    montufar_2017,
    serra_2018,
    zaslavsky,
)
from polyenum.theory.constructions import folding_network, generic_arrangement, tent_map

__all__ = [
    "arora_2018",
    "bounds",
    "folding_network",
    "generic_arrangement",
    "hanin_rolnick_2019",
    "montufar_2014",
    "montufar_2017",
    "serra_2018",
    "tent_map",
    "zaslavsky",
]
