"""What a result says about how far it is proven."""

from __future__ import annotations

from typing import NamedTuple


class Certificate(NamedTuple):
    """How the signs on which a complex rests were decided.

    Attributes
    ----------
    certified : bool
        Whether every sign was proven, by a float beyond its error bound or in rational arithmetic.
    box_signs : int
        Hyperplanes found not to cut a cell by bounds over the cell's bounding box.
    float_signs : int
        Signs of a hyperplane at a vertex decided in float64.
    exact_signs : int
        Those decided in rational arithmetic.
    exact_cells : int
        How many times a cell needed rational arithmetic: once per cell and hyperplane.

    Examples
    --------
    >>> import polyenum as pe
    >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 1]], [0])]
    >>> pe.enumerate_regions(net, pe.Box(-1, 1, dim=2)).certificate
    Certificate(certified=True, box_signs=0, float_signs=12, exact_signs=0, exact_cells=0)
    """

    certified: bool
    box_signs: int = 0
    float_signs: int = 0
    exact_signs: int = 0
    exact_cells: int = 0
