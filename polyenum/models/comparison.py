"""What was read of a model, compared with the model itself at a few points.

A reader may misunderstand a model, and nothing that comes after it would notice.  So the outputs of the network
that was read are held against those that the model computes.  Both round; how much that explains is known:

**The bound.**  Stage ``l`` computes ``z = W y + b`` with an error of at most ``u (|W| |y| + |b|)``, where ``u``
is the model's unit roundoff times the number of terms and `SAFETY`.  To first order an output is off by the sum
over all stages of ``|J|`` times that, where ``J`` is the derivative of the output by ``z`` on the pieces of the
point.  The sum is made from the last stage backwards, and ends for an output as soon as it explains the
difference.  So a model that was read right is seldom followed further than its last stage.

**What cannot be judged.**  Where a unit whose activation jumps is within its error of the breakpoint, both values
are right.  Where numbers exceed the model's largest float, it has none.  Another point is drawn then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.networks.activation import ActivationTable
from polyenum.networks.network import PiecewiseLinearNetwork
from polyenum.networks.weights import Weight, dense_rows, rows_through
from polyenum.progress import bar

Evaluate = Callable[[NDArray[np.float64]], NDArray[Any]]
"""A model's outputs, flat, at one flat input."""

SCALES = (0.1, 1.0, 10.0)
SEED = 20
# Points drawn in place of those that cannot be judged, so often.
ROUNDS = 4
# A stage may contain several operations of the model; each adds its own rounding to that of the stage's sum.
SAFETY, OPERATIONS = 4.0, 8
# A fold (batch normalisation) rounds relative to numbers that it no longer shows, so nothing smaller is judged.
SMALLEST_UNIT = 2.0**-36
# Where the bound does not suffice, the model's own unevenness is looked at in so many directions; it explains no
# more than this part of the largest output.
ROUGHNESS_STEPS, ROUGHNESS_SAFETY, MOST_ROUGHNESS = 10, 8.0, 2.0**-9
# At most so many outputs are followed through all stages, those with the largest differences.
MOST_FOLLOWED = 64


def compare(
    network: PiecewiseLinearNetwork,
    evaluate: Evaluate,
    *,
    name: str,
    precision: float,
    count: int = 3,
    progress: bool = False,
) -> None:
    """Compare a network that was read with its model, at seeded random points of several scales.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    evaluate : callable
        Gives the model's outputs, flat, at one flat input (inputs,) float64 of numbers that its floats hold.
    name : str
        Of the model, for errors.
    precision : float
        The unit roundoff of the model's arithmetic: ``2**-24`` for float32, ``2**-53`` for float64.
    count : int
        How many points of each scale.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    NetworkError
        If an output differs by more than rounding explains, the model is random, or no point can be judged.
    """
    with bar(progress, len(SCALES) * count, "comparing with the model") as shown:
        tried = _Tried([scale for scale in SCALES for _ in range(count)])
        rng, arithmetic = np.random.default_rng(SEED), _Arithmetic.of(precision)
        for attempt in range(ROUNDS):
            points = [scale * rng.normal(size=network.input_dim) for scale in tried.waiting]
            run = _Run.at(network, arithmetic.rounded(np.array(points)), arithmetic)
            found = [_outputs(evaluate, x, network, name) for x in run.after[0]]
            if not attempt:
                _check_repeats(found[0], _outputs(evaluate, run.after[0][0], network, name), name)
            judged = tried.take([run.judge(p, y, evaluate) for p, y in enumerate(found)])
            shown.update(judged)
            if not tried.waiting or tried.differences:
                break
    tried.conclude(name)


@dataclass(eq=False)
class _Tried:
    """What the points that were tried say.

    Attributes
    ----------
    waiting : list of float
        The scales of which points are to be tried yet.
    judged : set of float
        The scales of which some point could be judged.
    doubts : dict of float to str
        Why the last point of a scale could not.
    differences : list of (float, str)
        Their sizes, and what they are.
    """

    waiting: list[float]
    judged: set[float] = field(default_factory=set)
    doubts: dict[float, str] = field(default_factory=dict)
    differences: list[tuple[float, str]] = field(default_factory=list)

    def take(self, verdicts: list[_Verdict]) -> int:
        """Hear of the points that waited; return how many of them could be judged."""
        left = []
        for scale, verdict in zip(self.waiting, verdicts, strict=True):
            if verdict.doubt:
                self.doubts[scale] = verdict.doubt
                left.append(scale)
                continue
            self.judged.add(scale)
            if verdict.difference:
                self.differences.append((verdict.size, verdict.difference))
        count = len(self.waiting) - len(left)
        self.waiting = left
        return count

    def conclude(self, name: str) -> None:
        """Raise unless the points say that model and network are the same."""
        if self.differences:
            raise NetworkError(
                f"{name}: what was read is not the model. {max(self.differences)[1]}. The model does something "
                "that polyenum does not understand; check=False loads it as it was read"
            )
        doubts = [self.doubts[scale] for scale in self.waiting if scale not in self.judged]
        if doubts and (not self.judged or any(doubt != _TOO_LARGE for doubt in doubts)):
            raise NetworkError(
                f"{name}: what was read cannot be compared with the model: at every point that was tried "
                f"{doubts[0]}; check=False loads it without this comparison"
            )


@dataclass(frozen=True)
class _Verdict:
    """What one point says: the outputs are the same, or why that is in doubt, or the largest difference."""

    doubt: str = ""
    difference: str = ""
    size: float = 0.0


_TOO_LARGE = "numbers are too large for the model's floats"


@dataclass(frozen=True)
class _Arithmetic:
    """The floats that a model computes with.

    Attributes
    ----------
    unit : float
        The largest relative error of one operation.
    tiny, largest : float
        Numbers below the one may be 0, above the other infinite.
    """

    unit: float
    tiny: float
    largest: float

    @staticmethod
    def of(precision: float) -> _Arithmetic:
        if precision < 2.0**-40:
            return _Arithmetic(precision, 2.0**-1022, 2.0**1000)
        if 2.0**-15 < precision < 2.0**-10:  # float16; bfloat16 has the exponents of float32
            return _Arithmetic(precision, 2.0**-14, 2.0**12)
        return _Arithmetic(precision, 2.0**-126, 2.0**120)

    @property
    def bits(self) -> int:
        """How many bits the numbers of a point have."""
        return int(min(20, max(2, -np.log2(self.unit) - 1)))

    def rounded(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points whose numbers these floats hold."""
        mantissa, exponent = np.frexp(points)
        return np.ldexp(np.round(np.ldexp(mantissa, self.bits)), exponent - self.bits)

    def steps(self, x: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """Return small random steps from a point, such that these floats hold where they lead, (count, inputs)."""
        size = np.random.default_rng(SEED).uniform(-1, 1, (count, len(x)))
        size[::2] *= 2.0 ** -(self.bits // 3)
        size[1::2] *= 2.0 ** -(self.bits // 5)
        mantissa, exponent = np.frexp(x)
        return np.ldexp(np.round(np.ldexp(mantissa * size, self.bits)), exponent - self.bits)

    def units(self, terms: Any) -> Any:
        """Return the relative error of sums of so many terms."""
        return np.maximum(SAFETY * self.unit * (terms + OPERATIONS), SMALLEST_UNIT)


def _outputs(
    evaluate: Evaluate,
    x: NDArray[np.float64],
    network: PiecewiseLinearNetwork,
    name: str,
) -> NDArray[np.float64]:
    found = np.asarray(evaluate(x.copy()), np.float64).ravel()
    if len(found) != network.output_dim:
        raise NetworkError(
            f"{name}: the model gives {len(found)} outputs, what was read gives {network.output_dim}; "
            "check=False loads it as it was read"
        )
    return found


def _check_repeats(first: NDArray[np.float64], second: NDArray[np.float64], name: str) -> None:
    """Raise if a model gives two answers to one question: it has no regions."""
    with np.errstate(invalid="ignore"):
        off = np.abs(first - second)
    if (off > 2.0**-10 * np.abs(first)).any():
        raise NetworkError(
            f"{name}: the model gives different outputs for the same input (by {np.nanmax(off):.3g}), so it is "
            "random or keeps a state; put it in eval mode"
        )


@dataclass(eq=False)
class _Run:
    """A network's values at some points, stage by stage.

    Attributes
    ----------
    before, after : list of (points, width) float64
        Each stage's pre-activations, and the inputs with each stage's outputs after them.
    piece : list of (points, width) int64
        Where each coordinate's slope stands in the stage's table.
    """

    network: PiecewiseLinearNetwork
    arithmetic: _Arithmetic
    before: list[NDArray[np.float64]]
    after: list[NDArray[np.float64]]
    piece: list[NDArray[np.int64]]
    intercepts: list[NDArray[np.float64]]
    absolute: dict[int, Weight] = field(default_factory=dict)

    @staticmethod
    def at(
        network: PiecewiseLinearNetwork, points: NDArray[np.float64], arithmetic: _Arithmetic
    ) -> _Run:
        run = _Run(network, arithmetic, [], [points], [], [])
        with np.errstate(all="ignore"):
            for stage in network.stages:
                table = stage.activation
                z = rows_through(stage.weight, run.after[-1]) + stage.bias
                piece = table.slope_offsets[:-1] + table.pieces(table.sides(z)).astype(np.int64)
                intercepts = _intercepts(table)
                run.before.append(z)
                run.piece.append(piece)
                run.intercepts.append(intercepts)
                run.after.append(table.slopes[piece] * z + intercepts[piece])
        return run

    def judge(self, p: int, found: NDArray[np.float64], evaluate: Evaluate) -> _Verdict:
        """Return whether the model's outputs at point `p` are the network's."""
        with np.errstate(all="ignore"):
            ours = self.after[-1][p]
            if not all(np.isfinite(y[p]).all() for y in self.after):
                return _Verdict(_TOO_LARGE)
            off = np.abs(found - ours)
            if not np.isfinite(found).all():
                if self._largest(p) > self.arithmetic.largest:
                    return _Verdict(_TOO_LARGE)
                k = int(np.argmin(np.isfinite(found)))
                return self._difference(p, k, found, np.inf, "")
            explained = self._explained(p, off)
            if not (off <= explained).all():
                explained = np.maximum(explained, self._roughness(p, found, evaluate))
            worst = np.flatnonzero(~(off <= explained))
            if not len(worst):
                return _Verdict()
            k = int(worst[np.argmax(off[worst])])
            if self._near_a_jump(p):
                return _Verdict(
                    "a unit whose activation jumps is so close to its breakpoint that rounding decides, "
                    f"and output {k} differs by {off[k]:.3g}"
                )
            return self._difference(p, k, found, off[k], f" (rounding explains {explained[k]:.1g})")

    def _roughness(self, p: int, found: NDArray[np.float64], evaluate: Evaluate) -> float:
        """Return what rounding explains that a network does not show.

        A model that adds a large number and takes it away again rounds to its last places.  The difference is then
        no smooth function: it changes in steps that are far smaller than a piece, and second differences show it.
        No more than a small part of the outputs is explained so.
        """
        x = self.after[0][p]
        steps = self.arithmetic.steps(x, ROUGHNESS_STEPS)
        points = np.concatenate([x + steps, x - steps])
        ours = _Run.at(self.network, points, self.arithmetic).after[-1]
        theirs = np.array([np.asarray(evaluate(y), np.float64).ravel() for y in points])
        off = (theirs - ours).reshape(2, len(steps), -1).sum(axis=0)
        second = np.abs(off - 2 * (found - self.after[-1][p])).max()
        return min(ROUGHNESS_SAFETY * second, MOST_ROUGHNESS * np.abs(found).max())

    def _difference(
        self, p: int, k: int, found: NDArray[np.float64], size: float, much: str
    ) -> _Verdict:
        ours, x = self.after[-1][p], self.after[0][p]
        shown = np.array2string(x, threshold=20, edgeitems=4, max_line_width=10**6, separator=", ")
        return _Verdict(
            difference=f"Output {k} differs by {size:.6g}{much}: the model gives {found[k]:.9g}, what was read "
            f"{ours[k]:.9g}, at the point {shown}",
            size=float(size),
        )

    def _absolute(self, i: int) -> Weight:
        if i not in self.absolute:
            self.absolute[i] = abs(self.network.stages[i].weight)
        return self.absolute[i]

    def _largest(self, p: int) -> float:
        """Return the largest number that sums of a stage may reach on their way."""
        sizes = [
            rows_through(self._absolute(i), np.abs(self.after[i][p])) + np.abs(stage.bias)
            for i, stage in enumerate(self.network.stages)
        ]
        return float(max(size.max(initial=0) for size in sizes))

    def _errors(self, i: int, p: int) -> NDArray[np.float64]:
        """Return bounds on what stage `i` itself adds to the errors of its pre-activations."""
        stage, tiny = self.network.stages[i], self.arithmetic.tiny
        terms = _terms(stage.weight)
        units = self.arithmetic.units(terms)
        inputs = np.abs(self.after[i][p])
        lost = np.full(len(inputs), tiny)
        sizes, through = rows_through(self._absolute(i), np.array([inputs, lost]))
        return units * (sizes + np.abs(stage.bias)) + through + terms * tiny

    def _slopes(self, i: int, p: int, errors: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Return a stage's slopes at a point: the steeper of two where an error may reach a breakpoint."""
        table = self.network.stages[i].activation
        slopes = table.slopes[self.piece[i][p]]
        if errors is None or not len(table.breakpoints):
            return slopes
        near = np.flatnonzero(self._is_near(i, p, errors))
        at = table.breakpoint_coordinate[near]
        for side in (0, 1):
            other = table.slopes[near + at + side]
            steeper = np.abs(other) > np.abs(slopes[at])
            slopes[at[steeper]] = other[steeper]
        return slopes

    def _is_near(self, i: int, p: int, errors: NDArray[np.float64]) -> NDArray[np.bool_]:
        table = self.network.stages[i].activation
        at = table.breakpoint_coordinate
        return np.abs(self.before[i][p][at] - table.breakpoints) <= errors[at]

    def _explained(self, p: int, off: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how much of each output's difference rounding explains; more is not sought than there is."""
        last = len(self.network.stages) - 1
        slopes = self._slopes(last, p, None)
        bound = np.abs(slopes) * self._errors(last, p) + self._activation_errors(last, p)
        open_ = np.flatnonzero(off > bound)
        if not len(open_) or not last:
            return bound
        open_ = open_[np.argsort(-(off[open_] / np.maximum(bound[open_], 1e-300)))][:MOST_FOLLOWED]
        rest = np.setdiff1d(np.flatnonzero(off > bound), open_)
        reach = self._forward_errors(p)
        back = slopes[open_, None] * dense_rows(self.network.stages[last].weight, open_)
        for i in reversed(range(last)):
            slopes = self._slopes(i, p, reach[i])
            own = np.abs(slopes) * self._errors(i, p) + self._activation_errors(i, p)
            bound[open_] += np.abs(back) @ own
            still = off[open_] > bound[open_]
            open_, back = open_[still], back[still]
            if not len(open_):
                break
            back = _times(back * slopes, self.network.stages[i].weight)
        if len(rest) and not (off > bound)[open_].any():
            # Those with smaller differences were not followed: they are explained like those that were.
            bound[rest] = np.maximum(bound[rest], off[rest])
        return bound

    def _activation_errors(self, i: int, p: int) -> NDArray[np.float64]:
        stage = self.network.stages[i]
        piece = self.piece[i][p]
        size = np.abs(stage.activation.slopes[piece] * self.before[i][p]) + np.abs(
            self.intercepts[i][piece]
        )
        return self.arithmetic.units(0) * size + self.arithmetic.tiny

    def _forward_errors(self, p: int) -> list[NDArray[np.float64]]:
        """Return bounds on the errors of all pre-activations, whatever the signs of what adds up."""
        found = []
        errors = np.zeros(self.network.input_dim)
        for i in range(len(self.network.stages)):
            z = rows_through(self._absolute(i), errors) + self._errors(i, p)
            found.append(z)
            errors = np.abs(self._slopes(i, p, z)) * z + self._activation_errors(i, p)
        return found

    def _near_a_jump(self, p: int) -> bool:
        if not self.network.has_jumps:
            return False
        reach = self._forward_errors(p)
        return any(
            bool((self._is_near(i, p, reach[i]) & stage.activation.jumps).any())
            for i, stage in enumerate(self.network.stages)
        )


def _intercepts(table: ActivationTable) -> NDArray[np.float64]:
    """Return all intercepts in floats: the exact ones take long for many thousand units."""
    first = table.slope_offsets[:-1]
    found = np.zeros(len(table.slopes))
    found[first] = table.starts
    counts = np.diff(table.offsets)
    for k in range(int(counts.max(initial=0))):
        at = np.flatnonzero(counts > k)
        left, b = first[at] + k, table.breakpoints[table.offsets[at] + k]
        found[left + 1] = found[left] + (table.slopes[left] - table.slopes[left + 1]) * b
    if table.own_intercepts is not None:
        found = np.where(np.isnan(table.own_intercepts), found, table.own_intercepts)
    return found


def _terms(weight: Weight) -> Any:
    """Return how many numbers each row adds up."""
    return weight.shape[1] if isinstance(weight, np.ndarray) else np.diff(weight.indptr)


def _times(rows: NDArray[np.float64], weight: Weight) -> NDArray[np.float64]:
    """Return ``rows @ weight``."""
    if isinstance(weight, np.ndarray):
        return rows @ weight
    return np.ascontiguousarray((weight.T @ rows.T).T)
