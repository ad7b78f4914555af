"""The one network type that the rest of the library sees: a plain list of stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.errors import NetworkError
from polyenum.networks.activation import ActivationTable
from polyenum.networks.checks import check_words, checked_array, checked_weight, exact_float64
from polyenum.networks.weights import (
    Weight,
    columns_through,
    dense_rows,
    inputs_read,
    nonzeros,
    rows_through,
)
from polyenum.options import found, numbers


@dataclass(frozen=True, eq=False)
class Stage:
    """An affine map ``z = weight @ x + bias`` and the activations of its ``n`` coordinates.

    Attributes
    ----------
    weight : (n, m) float64
        Dense, or a csr array of scipy where most entries are 0, as a convolution's.
    bias : (n,) float64
    activation : ActivationTable
    name : str
        What errors call this stage, as "layer 2 (Linear)".
    folded : tuple of str
        The operations of a model that this stage contains.
    """

    weight: Weight
    bias: NDArray[np.float64]
    activation: ActivationTable
    name: str = ""
    folded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"stage {self.name}" if isinstance(self.name, str) and self.name else "stage"
        check_words(self.name, self.folded, where)
        object.__setattr__(self, "weight", checked_weight(self.weight, f"{where}: weight"))
        object.__setattr__(self, "bias", checked_array(self.bias, f"{where}: bias"))
        object.__setattr__(self, "folded", tuple(self.folded))
        if not isinstance(self.activation, ActivationTable):
            raise NetworkError(
                f"{where}: activation must be an ActivationTable, found {found(self.activation)}"
            )

    @property
    def size(self) -> int:
        """How many numbers the affine map holds, a convolution's weights wherever they are used."""
        return self.weight.size + self.bias.size


@dataclass(frozen=True, eq=False)
class PiecewiseLinearNetwork:
    """A feed-forward network of affine maps and piecewise-linear activations.

    The function is ``x -> f_L(W_L ... f_1(W_1 x + b_1) ... + b_L)``.  Its numbers are float64, and
    every float16 or float32 weight is one of them, so that reading a model rounds nothing.

    A *unit* is a coordinate with at least one breakpoint; units are numbered across the network in
    layer order.  A *hyperplane* is a (unit, breakpoint) pair, numbered likewise; for ReLU networks
    the two numberings are the same.

    Parameters
    ----------
    stages : sequence of Stage

    Raises
    ------
    NetworkError
        If shapes do not fit, or a number is NaN or infinite.

    Examples
    --------
    >>> net = PiecewiseLinearNetwork.from_arrays([([[1.0], [-1.0]], [0, 0]), ([[1.0, 1.0]], [0])])
    >>> net([[-2.0], [3.0]])        # |x|
    array([[2.],
           [3.]])
    >>> net
    PiecewiseLinearNetwork(1 -> 2 -> 1, 2 units, 7 parameters)
    """

    stages: Sequence[Stage] = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.stages, (list, tuple)):
            raise NetworkError(f"stages must be a list of Stage, found {found(self.stages)}")
        stages = tuple(self.stages)
        for i, stage in enumerate(stages):
            if not isinstance(stage, Stage):
                raise NetworkError(f"stages[{i}] must be a Stage, found {found(stage)}")
        object.__setattr__(self, "stages", stages)
        if not stages:
            raise NetworkError("the network has no layers; give at least one affine map")
        width = None
        for i, stage in enumerate(stages):
            name = stage.name or f"layer {i}"
            if stage.weight.ndim != 2 or 0 in stage.weight.shape:
                raise NetworkError(
                    f"{name}: the weight must be a non-empty matrix (outputs, inputs), "
                    f"found shape {stage.weight.shape}"
                )
            n, m = stage.weight.shape
            if stage.bias.shape != (n,):
                raise NetworkError(
                    f"{name}: a weight of shape {stage.weight.shape} needs a bias of shape "
                    f"({n},), found {stage.bias.shape}"
                )
            if len(stage.activation) != n:
                raise NetworkError(
                    f"{name}: {n} coordinates need {n} activations, found {len(stage.activation)}"
                )
            if width is not None and m != width:
                raise NetworkError(
                    f"{name}: takes {m} inputs, but the layer before has {width} outputs"
                )
            for what, array in (("weight", nonzeros(stage.weight)), ("bias", stage.bias)):
                if not np.all(np.isfinite(array)):
                    at = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
                    raise NetworkError(f"{name}: {what}{list(at)} is {array[at]}, not finite")
            width = n
        for i, stage in enumerate(stages):
            self._check_maxima(i, stage.name or f"layer {i}")

    def _check_maxima(self, i: int, name: str) -> None:
        """Raise unless what follows a stage reads each maximum as one number.

        Each member passes the maximum on where it is the largest, and 0 elsewhere; so their sum is the
        maximum, and nothing but the sum.
        """
        stage = self.stages[i]
        if stage.activation.groups is None:
            return
        if i + 1 == len(self.stages):
            raise NetworkError(
                f"{name}: the last stage has maxima, whose members must be added up; give one more stage "
                "that does"
            )
        following = self.stages[i + 1]
        members = np.flatnonzero(stage.activation.groups >= 0)
        numbers = stage.activation.groups[members]
        begins = np.append(True, numbers[1:] != numbers[:-1])
        first = members[np.maximum.accumulate(np.where(begins, np.arange(len(members)), 0))]
        weight = following.weight
        columns = weight if isinstance(weight, np.ndarray) else weight.tocsc()
        differ = columns[:, members] != columns[:, first]
        if not (differ.any() if isinstance(differ, np.ndarray) else differ.nnz):
            return
        row, k = (int(a[0]) for a in differ.nonzero())
        at = members[first == first[k]]
        raise NetworkError(
            f"{name}: coordinates {at[0]} to {at[-1]} are members of one maximum, so "
            f"{following.name or f'layer {i + 1}'} must give all of them one weight; row {row} has "
            f"{dense_rows(weight, [row])[0, at].tolist()!r:.80}"
        )

    @staticmethod
    def from_arrays(layers: Sequence[Any]) -> PiecewiseLinearNetwork:
        """Return the ReLU network of ``[(W, b), ...]``: a ReLU after every layer but the last.

        Parameters
        ----------
        layers : sequence of (weight, bias)
            Weights of shape (outputs, inputs), biases of shape (outputs,) or None; numbers of any
            real type that float64 holds exactly.

        Raises
        ------
        NetworkError
            If an entry is no such pair, shapes do not fit, or a number is not finite.
        """
        if not isinstance(layers, (list, tuple)):
            raise NetworkError(f"layers must be a list [(W, b), ...], found {found(layers)}")
        stages = []
        for i, layer in enumerate(layers):
            try:
                weight, bias = layer
            except Exception:  # what somebody's own methods raise, too
                raise NetworkError(
                    f"layer {i}: expected a pair (weight, bias), found {_describe(layer)}"
                ) from None
            w = exact_float64(weight, f"layer {i}: weight")
            if w.ndim != 2:
                raise NetworkError(
                    f"layer {i}: the weight must be a matrix (outputs, inputs), found shape {w.shape}"
                )
            b = np.zeros(len(w)) if bias is None else exact_float64(bias, f"layer {i}: bias")
            last = i == len(layers) - 1
            table = ActivationTable.identity(len(w)) if last else ActivationTable.relu(len(w))
            stages.append(Stage(w, b, table, f"layer {i}"))
        return PiecewiseLinearNetwork(stages)

    @property
    def input_dim(self) -> int:
        """The number of inputs."""
        return self.stages[0].weight.shape[1]

    @property
    def output_dim(self) -> int:
        """The number of outputs."""
        return self.stages[-1].weight.shape[0]

    @cached_property
    def hyperplane_offsets(self) -> NDArray[np.int64]:
        """(stages + 1,) int64: where each stage's hyperplanes begin."""
        return np.cumsum([0] + [len(s.activation.breakpoints) for s in self.stages])

    @cached_property
    def hyperplane_unit(self) -> NDArray[np.int64]:
        """(hyperplanes,) int64: the unit to which each hyperplane belongs."""
        found, first = [], 0
        for stage in self.stages:
            coordinate = stage.activation.breakpoint_coordinate
            own = stage.activation.unit_coordinates
            found.append(first + np.searchsorted(own, coordinate, side="right") - 1)
            first += len(own)
        return np.concatenate(found)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(hyperplanes, 2) int64: for a member of a maximum, where its group's hyperplanes begin and end.

        -1 for all others.
        """
        found = np.full((self.hyperplane_count, 2), -1)
        for stage, first in zip(self.stages, self.hyperplane_offsets.tolist(), strict=False):
            for begin, end in (stage.activation.group_ranges + first).tolist():
                found[begin:end] = begin, end
        return found

    @cached_property
    def sources(self) -> NDArray[np.int64]:
        """(hyperplanes,) int64: the ReLU's hyperplane that each member of a maximum is the output of, else -1.

        Only for maxima all of whose members are outputs of different ReLUs, as max pooling after ReLU has them.  A
        member whose ReLU is off is 0 and no larger than the others there; where the largest is 0 all of them
        are, which the ReLUs' hyperplanes say as well.
        """
        found = np.full(self.hyperplane_count, -1)
        offsets = self.hyperplane_offsets
        for i, stage in enumerate(self.stages[1:], start=1):
            before = self.stages[i - 1].activation
            table = stage.activation
            for begin, end in table.group_ranges.tolist():
                at = table.breakpoint_coordinate[begin:end]
                read = [inputs_read(stage.weight, c) for c in at]
                if any(len(r) != 1 for r in read) or stage.bias[at].any():
                    continue
                inputs = np.array([int(r[0]) for r in read])
                if len(set(inputs.tolist())) < len(inputs):
                    continue  # where one ReLU's outputs compete, its hyperplane does not say which is larger
                if (stage.weight[at, inputs] > 0).all() and before.is_relu[inputs].all():
                    found[offsets[i] + begin : offsets[i] + end] = (
                        offsets[i - 1] + before.offsets[inputs]
                    )
        return found

    def across(self, sides: NDArray[Any], h: int) -> NDArray[Any]:
        """Return the sides beyond hyperplane `h` of a region, if no other unit vanishes there."""
        beyond = sides.copy()
        beyond[h] ^= 1
        if not self.has_maxima:
            return beyond
        begin, end = self.groups[h].tolist()
        if begin >= 0:
            beyond[begin:end] = np.arange(begin, end) == h
        for begin, end in np.unique(self.groups[self.sources == h], axis=0).tolist():
            # The largest of a maximum's ReLUs is one that is on, or the first where all are off.
            on = beyond[self.sources[begin:end]].astype(bool)
            if not on[np.argmax(beyond[begin:end])]:
                beyond[begin:end] = np.arange(end - begin) == np.argmax(on)
        return beyond

    @cached_property
    def has_maxima(self) -> bool:
        """Whether any unit is a maximum of several coordinates."""
        return any(stage.activation.groups is not None for stage in self.stages)

    @cached_property
    def jumps(self) -> NDArray[np.bool_]:
        """(hyperplanes,) bool: those across which an activation jumps, and so may everything after it."""
        return np.concatenate([stage.activation.jumps for stage in self.stages])

    @cached_property
    def has_jumps(self) -> bool:
        """Whether any activation is not continuous."""
        return bool(self.jumps.any())

    @property
    def hyperplane_count(self) -> int:
        """The number of (unit, breakpoint) pairs, a maximum having one for each of its members."""
        return int(self.hyperplane_offsets[-1])

    @cached_property
    def unit_count(self) -> int:
        """The number of units."""
        return sum(len(s.activation.unit_coordinates) for s in self.stages)

    @cached_property
    def unit_layer(self) -> NDArray[np.int64]:
        """(units,) int64: the stage of each unit."""
        return np.repeat(
            np.arange(len(self.stages)), [len(s.activation.unit_coordinates) for s in self.stages]
        )

    def _points(self, x: ArrayLike) -> NDArray[np.float64]:
        points = numbers("x", x, NetworkError)
        if points.ndim == 0 or points.shape[-1] != self.input_dim:
            raise NetworkError(
                f"the network takes {self.input_dim} inputs, found points of shape {points.shape}; "
                f"the last axis must be {self.input_dim}"
            )
        return points

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the outputs, (..., output_dim) float64, at points `x` of shape (..., input_dim)."""
        value = self._points(x)
        for stage in self.stages:
            value = stage.activation(rows_through(stage.weight, value) + stage.bias)
        return value

    def sides(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Return on which side of every hyperplane the points `x` lie, in float64.

        Returns
        -------
        (..., hyperplanes) bool
            True where the pre-activation exceeds the breakpoint.
        """
        value, found = self._points(x), []
        for stage in self.stages:
            z = rows_through(stage.weight, value) + stage.bias
            found.append(stage.activation.sides(z))
            value = stage.activation(z)
        return np.concatenate(found, axis=-1)

    def pieces(self, sides: NDArray[np.bool_]) -> NDArray[np.unsignedinteger]:
        """Return activation patterns, (..., units), from `sides` (..., hyperplanes).

        uint8; uint16 or uint32 where a unit has more than 256 pieces.
        """
        found, offsets = [], self.hyperplane_offsets
        for i, stage in enumerate(self.stages):
            found.append(stage.activation.patterns(sides[..., offsets[i] : offsets[i + 1]]))
        return np.concatenate(found, axis=-1)

    def patterns(self, x: ArrayLike) -> NDArray[np.unsignedinteger]:
        """Return the activation patterns, (..., units), of `pieces`' type, at points `x`, in float64."""
        return self.pieces(self.sides(x))

    def gradients(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the Jacobians, (..., output_dim, input_dim) float64, at points `x`, in float64."""
        return self.affine_maps(self.sides(x))[0]

    def affine_maps(
        self, sides: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the affine maps that the network has on given `sides` of its hyperplanes.

        Parameters
        ----------
        sides : (..., hyperplanes) bool

        Returns
        -------
        weights : (..., output_dim, input_dim) float64
        biases : (..., output_dim) float64
        """
        offsets = self.hyperplane_offsets
        batch = sides.shape[:-1]
        a = np.broadcast_to(np.eye(self.input_dim), (*batch, self.input_dim, self.input_dim))
        c = np.zeros((*batch, self.input_dim))
        for i, stage in enumerate(self.stages):
            a = columns_through(stage.weight, a)
            c = rows_through(stage.weight, c) + stage.bias
            table = stage.activation
            pieces = table.pieces(sides[..., offsets[i] : offsets[i + 1]])
            piece = table.slope_offsets[:-1] + pieces
            a = table.slopes[piece][..., None] * a
            c = table.slopes[piece] * c + table.intercepts[piece]
        return a, c

    def describe(self) -> str:
        """Return a table of the stages: their widths, units, parameters, and what of the model is in each.

        Examples
        --------
        >>> net = PiecewiseLinearNetwork.from_arrays([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
        >>> print(net.describe())
        stage  inputs  outputs  units  parameters  contains
            0       1        2      2           4  layer 0
            1       2        1      0           3  layer 1
        1 inputs, 1 outputs, 2 units, 7 parameters
        """
        lines = [("stage", "inputs", "outputs", "units", "parameters", "contains")]
        for i, stage in enumerate(self.stages):
            n, m = stage.weight.shape
            units = len(stage.activation.unit_coordinates)
            inside = ", ".join(stage.folded) or stage.name
            lines.append((str(i), str(m), str(n), str(units), f"{stage.size:,}", inside))
        widths = [max(len(line[k]) for line in lines) for k in range(5)]
        table = [
            "  ".join([*(x.rjust(w) for x, w in zip(line, widths, strict=False)), line[5]]).rstrip()
            for line in lines
        ]
        parameters = sum(s.size for s in self.stages)
        return "\n".join(
            [
                *table,
                f"{self.input_dim} inputs, {self.output_dim} outputs, {self.unit_count} units, "
                f"{parameters:,} parameters",
            ]
        )

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print as `repr` in IPython and hypothesis, which would list every field of a dataclass."""
        printer.text(repr(self))

    def __repr__(self) -> str:
        widths = [self.input_dim] + [len(s.bias) for s in self.stages]
        parameters = sum(s.size for s in self.stages)
        return (
            f"PiecewiseLinearNetwork({' -> '.join(map(str, widths))}, "
            f"{self.unit_count} units, {parameters:,} parameters)"
        )


def _describe(thing: object) -> str:
    return f"{type(thing).__name__}"
