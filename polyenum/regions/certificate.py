"""What a result says about how far it is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyenum.cells.engine import SignCounts
    from polyenum.regions.complex import RegionComplex


class Certificate:
    """How the signs on which a complex rests were decided.

    Parameters
    ----------
    complex : RegionComplex
    certified : bool
    signs : SignCounts

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
    >>> cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))
    >>> cx.certificate
    Certificate(certified: True; signs: 0 by boxes, 12 by floats, 0 exact; 0 cells the slow way)
    >>> cx.certificate.check().complete
    True
    """

    def __init__(self, complex: RegionComplex, *, certified: bool, signs: SignCounts) -> None:
        self._complex = complex
        self.certified = certified
        self.box_signs = signs.boxes
        self.float_signs = signs.floats
        self.exact_signs = signs.exact
        self.exact_cells = signs.exact_cells

    def __repr__(self) -> str:
        return (
            f"Certificate(certified: {self.certified}; signs: {self.box_signs:,} by boxes, "
            f"{self.float_signs:,} by floats, {self.exact_signs:,} exact; {self.exact_cells:,} cells "
            "the slow way)"
        )
