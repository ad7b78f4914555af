"""The region that a pattern names, as half-spaces of the whole input space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import quotient
from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.domains.domain import LARGEST_COORDINATE
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.pullback import PulledBack
from polyenum.networks.weights import columns_through, dense_rows

# A row whose bound is larger than this share of it is computed again, exactly.
DOUBTFUL = 2.0**-30


class Rows(NamedTuple):
    """Affine forms in float64.

    Attributes
    ----------
    forms : (n, inputs + 1) float64
        The coefficients, then the constant.  A form that is constant on the whole region has coefficients that are
        exactly 0.
    errors : (n, 2) float64
        Bounds on the errors of each form's coefficients, and of its constant.
    """

    forms: NDArray[np.float64]
    errors: NDArray[np.float64]


class LocalForms:
    """The affine forms of all hyperplanes and outputs under given sides, in the input's coordinates.

    A stage's forms are sums of products.  With ``A`` a bound on the size of a form's coefficients before a
    stage's weights ``W`` of ``n`` columns, and ``e`` one on their errors, the new ones err by at most
    ``|W| e + gamma(n + 3) |W| A`` (Higham's gamma) and by ``n + 2`` times the smallest number, where
    products underflow; twice that is taken, for the rounding of the bound itself.  A slope's product is bounded
    likewise.

    Where a bound is more than `DOUBTFUL` times a form, as where its terms cancel, the form is computed in
    rational arithmetic and rounded once.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    """

    def __init__(self, network: PiecewiseLinearNetwork) -> None:
        self._network = network
        self.exact = PulledBack(network)
        first = network.stages[0]
        self._first = np.column_stack([dense_rows(first.weight), first.bias])

    def __call__(self, sides: NDArray[np.uint8]) -> tuple[Rows, Rows]:
        """Return the forms for the `sides` (hyperplanes,) of a region.

        Returns
        -------
        hyperplanes : Rows
            Not negative on the region; the largest member of a maximum has the form 1.
        outputs : Rows
        """
        network, forms = self._network, self._first
        errors = np.zeros((len(forms), 2))
        found: list[NDArray[np.float64]] = []
        doubts: list[NDArray[np.float64]] = []
        for i, stage in enumerate(network.stages):
            if i:
                size = np.column_stack([_largest(forms), np.abs(forms[:, -1])])
                n = stage.weight.shape[1]
                weight = abs(stage.weight)
                errors = columns_through(weight, errors) + 2 * (n + 4) * (
                    UNIT * columns_through(weight, size) + SMALLEST
                )
                forms = columns_through(stage.weight, forms)
                errors[:, 1] += 2 * UNIT * (np.abs(stage.bias) + np.abs(forms[:, -1]))
                forms[:, -1] += stage.bias
            table = stage.activation
            begin, end = network.hyperplane_offsets[i : i + 2]
            own = sides[begin:end].view(np.bool_)
            at = table.breakpoint_coordinate
            rows, doubt = forms[at], errors[at]
            rows[:, -1] -= table.breakpoints
            doubt[:, 1] += UNIT * np.abs(rows[:, -1]) + SMALLEST
            self._less_the_largest(i, own, rows, doubt, sides)
            found.append(rows * np.where(own, 1.0, -1.0)[:, None])
            doubts.append(doubt)
            piece = table.slope_offsets[:-1] + table.pieces(own)
            slope, intercept = table.slopes[piece], table.intercepts[piece]
            forms = forms * slope[:, None]
            forms[:, -1] += intercept
            size = np.column_stack([_largest(forms), np.abs(forms[:, -1]) + 2 * np.abs(intercept)])
            # Times 0 and times 1 are exact.
            rounds = ~(((slope == 0) | (slope == 1)) & (intercept == 0))
            errors = np.abs(slope)[:, None] * errors
            errors[rounds] += 2 * (UNIT * size[rounds] + SMALLEST)
        hyperplanes = Rows(np.concatenate(found), np.concatenate(doubts))
        self._repair(hyperplanes, sides)
        return _of_size_one(hyperplanes), Rows(forms, errors)

    def _less_the_largest(
        self,
        layer: int,
        own: NDArray[np.bool_],
        rows: NDArray[np.float64],
        errors: NDArray[np.float64],
        sides: NDArray[np.uint8],
    ) -> None:
        """Take the largest member's form off those of a maximum, in place; its own becomes the constant 1."""
        table = self._network.stages[layer].activation
        owner = table.owner(own)
        member = np.flatnonzero(owner >= 0)
        if not len(member):
            return
        rows[member] -= rows[owner[member]]
        size = np.column_stack([_largest(rows[member]), np.abs(rows[member, -1])])
        errors[member] = errors[member] + errors[owner[member]] + 2 * UNIT * size
        source = self._network.sources[self._network.hyperplane_offsets[layer] + member]
        # The output of a ReLU that is off is 0: below the largest, or equal and not the first.
        zero = member[(source >= 0) & (sides[source] == 0) & ~own[member]]
        largest = member[owner[member] == member]
        for constant, at in ((-1.0, zero), (1.0, largest)):
            rows[at] = 0.0
            rows[at, -1] = constant
            errors[at] = 0.0

    def _repair(self, rows: Rows, sides: NDArray[np.uint8]) -> None:
        """Put exact forms, rounded once, in the place of those that rounding has spoilt."""
        spoilt = _spoilt(rows)
        for h, form in zip(spoilt, self.exact.hyperplanes(sides, spoilt), strict=True):
            rows.forms[h], rows.errors[h] = rounded(form if sides[h] else [-x for x in form])
        _flatten(rows)

    def combined(self, outputs: Rows, sides: NDArray[np.uint8], numbers: NDArray[np.int64]) -> Rows:
        """Return integer combinations `numbers` (k, outputs) of a region's outputs."""
        size = np.column_stack([_largest(outputs.forms), np.abs(outputs.forms[:, -1])])
        weight = np.abs(numbers)
        rows = Rows(
            numbers @ outputs.forms,
            weight @ outputs.errors + 2 * (numbers.shape[1] + 2) * UNIT * (weight @ size),
        )
        spoilt = _spoilt(rows)
        if spoilt:
            for k, form in zip(spoilt, self.exact.outputs(sides, numbers[spoilt])[0], strict=True):
                rows.forms[k], rows.errors[k] = rounded(form.tolist())
        _flatten(rows)
        return _of_size_one(rows)


def rounded(form: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return an exact form, scaled to a largest coefficient of 1 and rounded, with bounds as in `Rows`."""
    scale = max((abs(x) for x in form[:-1]), default=0)
    if abs(form[-1]) > scale * int(LARGEST_COORDINATE):
        form = [*(0 for _ in form[:-1]), form[-1]]  # as in `_flatten`
        scale = abs(form[-1])
    scale = scale or 1
    row = np.array([quotient(x, scale)[0] for x in form])
    return row, np.array([UNIT * row[:-1].any(), UNIT * abs(row[-1]) + SMALLEST * (row[-1] != 0)])


def _largest(forms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each form's largest coefficient in size: (n,)."""
    return np.abs(forms[:, :-1]).max(axis=1, initial=0.0)


def _of_size_one(rows: Rows) -> Rows:
    """Return forms times powers of 2 that make their largest coefficients about 1, so that squares are numbers.

    That may underflow, by less than the smallest number.
    """
    size = _largest(rows.forms)
    exponent = np.where(size > 0, -np.frexp(size)[1], 0)[:, None]
    lost = np.where(exponent < 0, SMALLEST, 0.0)
    return Rows(np.ldexp(rows.forms, exponent), np.ldexp(rows.errors, exponent) + lost)


def _flatten(rows: Rows) -> None:
    """Make forms constant, +-1, that are 0 only beyond `LARGEST_COORDINATE`, where nobody looks."""
    far = np.abs(rows.forms[:, -1]) / LARGEST_COORDINATE > _largest(rows.forms)
    rows.forms[far, :-1] = 0.0
    rows.forms[far, -1] = np.sign(rows.forms[far, -1])
    rows.errors[far] = 0.0


def _spoilt(rows: Rows) -> list[int]:
    """Return which forms may be off by more than `DOUBTFUL` of their size."""
    size = _largest(rows.forms)
    far = rows.errors[:, 1] > DOUBTFUL * np.maximum(size, np.abs(rows.forms[:, -1]))
    return np.flatnonzero((rows.errors[:, 0] > DOUBTFUL * size) | far).tolist()
