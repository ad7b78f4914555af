"""A tensor inside a network as an affine function of the coordinates that stages produce.

While a model is read, nothing is computed: each tensor is known as ``sum_b A_b y_b + c``, one row per
element, where ``y_b`` are the coordinates of *blocks*: the inputs, or the outputs of activations.  So a
reshape permutes rows, a convolution multiplies by a sparse matrix, a residual sum adds two functions, and
an activation makes a new block.  `polyenum.models.lowering` turns blocks into stages.

**Rounding.**  A product of two matrices of weights is in general not a matrix of float64 numbers.  Where
it is not, the tensor first becomes a block of its own (an affine map without activation), so that the
network read is the network written.  Only batch normalisation, whose scale is rounded anyway, is
multiplied into its neighbours, each weight rounded once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.networks.activation import ActivationTable

# 2**26 float64 numbers are half a gigabyte.
MOST_ELEMENTS = 2**26
# Of what depends on the input: each element costs some hundred bytes, and a microsecond in each operation.
MOST_SYMBOLIC = 2**22

Row = tuple[Sequence[float], Sequence[float], float | Sequence[float]]
"""Breakpoints, slopes and the leftmost intercept (or all, where it jumps) of one coordinate's activation."""


@dataclass(eq=False)
class Block:
    """Coordinates that one operation of the model produces.

    Attributes
    ----------
    size : int
    depth : int
        0 for the inputs; else one more than the deepest block that it depends on.
    before : SymbolicTensor, optional
        Its pre-activations, flat; none for the inputs.
    activation : ActivationTable, optional
    name : str
        The operation in the model.
    folded : list of str
        The operations that its affine map contains.
    """

    size: int
    depth: int
    before: SymbolicTensor | None
    activation: ActivationTable | None
    name: str
    folded: list[str] = field(default_factory=list)


@dataclass(eq=False)
class SymbolicTensor:
    """A tensor as an affine function of blocks.

    Attributes
    ----------
    shape : tuple of int
    terms : dict of Block to (elements, block size) float64 csr_array
    constant : (elements,) float64
        May hold numbers that are not finite, as long as elements are only moved.
    path : list of str
        The affine operations that it went through since the last block.
    rounded : bool
        Whether its coefficients are rounded already (batch normalisation).
    dropped : str
        The output activation that was left out on request; nothing may follow it.
    """

    shape: tuple[int, ...]
    terms: dict[Block, Any]
    constant: NDArray[np.float64]
    path: list[str] = field(default_factory=list)
    rounded: bool = False
    dropped: str = ""

    @staticmethod
    def inputs(shape: Sequence[int]) -> SymbolicTensor:
        """Return the network's inputs as a tensor of that shape."""
        size = checked_size(shape, "the input", most=MOST_SYMBOLIC)
        return SymbolicTensor.of_block(Block(size, 0, None, None, "input"), tuple(shape))

    @staticmethod
    def of_block(block: Block, shape: tuple[int, ...]) -> SymbolicTensor:
        """Return the coordinates of `block` as a tensor."""
        return SymbolicTensor(
            shape, {block: sparse.eye_array(block.size, format="csr")}, np.zeros(block.size)
        )

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    def rearrange(self, move: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> SymbolicTensor:
        """Return the tensor whose elements are some of these, as `move` does it to their numbers.

        `move` maps the array of element numbers, of this shape, to the array of those taken.
        """
        taken = np.asarray(move(np.arange(self.size).reshape(self.shape)))
        checked_size(taken.shape, "a tensor", most=MOST_SYMBOLIC if self.terms else MOST_ELEMENTS)
        rows = taken.ravel()
        numbers = sum(int(np.diff(a.indptr)[rows].sum()) for a in self.terms.values())
        if numbers > MOST_ELEMENTS:
            raise NetworkError(
                f"a tensor of {len(rows):,} elements would have {numbers:,} weights in all, more than "
                f"{MOST_ELEMENTS:,}"
            )
        terms = {block: matrix[rows] for block, matrix in self.terms.items()}
        return SymbolicTensor(
            taken.shape, terms, self.constant[rows], self.path, self.rounded, self.dropped
        )

    def reshaped(self, shape: Sequence[int]) -> SymbolicTensor:
        """Return the same elements in another shape."""
        return replace(self, shape=tuple(shape))

    def affine(
        self,
        matrix: Any,
        offset: NDArray[np.float64] | None,
        shape: Sequence[int],
        name: str,
        *,
        rounds: bool = False,
    ) -> SymbolicTensor:
        """Return ``matrix @ self + offset`` in the given shape.

        Parameters
        ----------
        matrix : (new elements, elements) csr_array
        offset : (new elements,) float64, optional
        shape : sequence of int
        name : str
        rounds : bool
            Whether the product may be rounded.
        """
        self.check_usable(name)
        self.check_finite(name)
        checked_size(shape, name, most=MOST_SYMBOLIC if self.terms else MOST_ELEMENTS)
        matrix = sparse.csr_array(matrix)
        if offset is not None and not np.isfinite(offset).all():
            raise NetworkError(f"{name}: {_not_finite(offset)}")
        rounds = rounds or self.rounded
        here = self
        if sum(_products(matrix, a) for a in here.terms.values()) > MOST_ELEMENTS:
            here = self.as_block(name)
        if not rounds and not all(exact_product(matrix, a) for a in here.terms.values()):
            here = self.as_block(name)
        if not rounds and not exact_product(matrix, here.constant[:, None]):
            here = self.as_block(name)
        constant = matrix @ here.constant
        if offset is not None:
            total = constant + offset
            if not rounds and not exact_sum(constant, offset, total):
                here = self.as_block(name)
                total = np.array(offset, np.float64)
            constant = total
        terms = {block: _product(matrix, a) for block, a in here.terms.items()}
        return SymbolicTensor(tuple(shape), terms, constant, [*here.path, name], rounds)

    def as_block(self, name: str) -> SymbolicTensor:
        """Return the same tensor as coordinates of a stage of its own, without activation."""
        if not self.terms:
            return self
        title = self.path[-1] if self.path else name
        return self.activate(ActivationTable.identity(self.size), title)

    def activate(self, table: ActivationTable, name: str) -> SymbolicTensor:
        """Return the tensor after an activation."""
        self.check_usable(name)
        self.check_finite(name)
        if not self.terms:
            return SymbolicTensor(self.shape, {}, table(self.constant), [*self.path, name])
        depth = 1 + max(block.depth for block in self.terms)
        block = Block(self.size, depth, self, table, name, list(self.path))
        return SymbolicTensor.of_block(block, self.shape)

    def check_usable(self, name: str) -> None:
        """Raise if this tensor went through an activation that was only dropped as the last one.

        Raises
        ------
        NetworkError
        """
        if self.dropped:
            raise NetworkError(
                f"{self.dropped} is not piecewise linear and is not at the very end: {name} uses its "
                "output; ignore_output_activation only leaves out the last operation"
            )

    def check_finite(self, name: str) -> None:
        """Raise if an element is infinite or no number: such elements can be moved, and no more.

        Raises
        ------
        NetworkError
        """
        if not np.isfinite(self.constant).all():
            raise NetworkError(f"{name}: {_not_finite(self.constant)}")

    def plus(self, other: SymbolicTensor, name: str, *, sign: int = 1) -> SymbolicTensor:
        """Return ``self + sign * other``, of equal shapes."""
        for tensor in (self, other):
            tensor.check_usable(name)
            tensor.check_finite(name)
        rounds = self.rounded or other.rounded
        constant = self.constant + sign * other.constant
        fits = rounds or exact_sum(self.constant, sign * other.constant, constant)
        terms = dict(self.terms)
        for block, matrix in other.terms.items():
            if block in terms:
                total = _clean(terms[block] + sign * matrix)
                fits &= rounds or exact_sum(terms[block], sign * matrix, total)
                terms[block] = total
            else:
                terms[block] = sign * matrix
        if not fits:
            return self.as_block(name).plus(other.as_block(name), name, sign=sign)
        terms = {block: matrix for block, matrix in terms.items() if matrix.nnz}
        path = [*self.path, *(step for step in other.path if step not in self.path), name]
        return SymbolicTensor(self.shape, terms, constant, path, rounds)


@dataclass(frozen=True, eq=False)
class Mask:
    """A condition on each element of a tensor.

    Attributes
    ----------
    tensor : SymbolicTensor
    bound : ndarray
        Of the tensor's shape.  The condition is that the tensor is greater.
    negated : bool
        Whether the condition is that it is not.
    numeric : bool
        Whether the model has made numbers of it, 1 where it holds and 0 elsewhere.
    """

    tensor: SymbolicTensor
    bound: NDArray[np.float64]
    negated: bool = False
    numeric: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.tensor.shape


def checked_size(shape: Sequence[int], name: str, *, most: int = MOST_ELEMENTS) -> int:
    """Return the number of elements of a shape.

    Raises
    ------
    NetworkError
        If it has none, or too many to hold.
    """
    size = math.prod(shape)
    if size <= 0 or any(n < 0 for n in shape):
        raise NetworkError(f"{name} has no elements: shape {tuple(shape)}")
    if size > most:
        raise NetworkError(
            f"{name} would have {size:,} elements (shape {tuple(shape)}), more than {most:,}"
        )
    return size


def _not_finite(numbers: NDArray[np.float64]) -> str:
    """Say which number is not finite."""
    first = np.ravel(numbers)[~np.isfinite(np.ravel(numbers))][0]
    return (
        f"it uses a number that is {first}, not finite; a padding or a mask of that is read only where "
        "a maximum or minimum leaves it out"
    )


def exact_product(left: Any, right: Any) -> bool:
    """Return whether float64 computes ``left @ right`` without rounding.

    All products and partial sums are multiples of the product of the two matrices' units in the last
    place, so they are exact while smaller than 2**53 of these; and so is a single product by a power of
    two.  May say False of an exact product.
    """
    sizes = np.abs(_values(right))
    if not sizes.any() or ((sizes == 1).all() and _at_most_one_product(left, right)):
        return True  # nothing is there, or elements are only moved
    numbers = [x[x != 0] for x in (np.abs(_values(left)), sizes)]
    if not all(len(x) for x in numbers):
        return True
    if not all(x.min() > 1e-140 and x.max() < 1e140 for x in numbers):
        return False
    powers = any((np.frexp(x)[0] == 0.5).all() for x in reversed(numbers))
    if powers and _at_most_one_product(left, right):
        return True
    largest = _values(abs(left) @ abs(right)).max(initial=0)
    unit = sum(_last_place(x) for x in numbers)
    return bool(largest <= np.ldexp(1.0, int(min(unit + 52, 1000))))


def _at_most_one_product(left: Any, right: Any) -> bool:
    """Return whether each entry of ``left @ right`` is a single product, or 0."""
    if sparse.issparse(right) and np.bincount(right.indices, minlength=1).max() <= 1:
        return True  # each column of `right` has one entry
    if sparse.issparse(left) and np.diff(left.indptr).max(initial=0) <= 1:
        return True
    single = (abs(left) > 0).astype(np.float64) @ (abs(right) > 0).astype(np.float64)
    return bool(_values(single).max(initial=0) <= 1)


def _products(left: Any, right: Any) -> int:
    """Return how many entries ``left @ right`` has at most."""
    each = int(np.diff(right.indptr)[left.indices].sum())
    return min(each, left.shape[0] * right.shape[1])


def _product(left: Any, right: Any) -> Any:
    """Return ``left @ right``, csr arrays, without entries that are 0."""
    rows, columns = right.shape
    if rows == columns == right.nnz and (right.data == 1).all():
        order = np.arange(rows)
        if (right.indices == order).all() and (right.indptr[:-1] == order).all():
            return _clean(left)
    return _clean(left @ right)


def exact_sum(a: Any, b: Any, total: Any) -> bool:
    """Return whether ``total``, the computed ``a + b``, has no rounding (dense or sparse).

    That is so where ``total - a`` gives ``b`` and ``total - b`` gives ``a``: then Knuth's TwoSum finds an
    error of 0.
    """
    return not abs(total - a - b).sum() and not abs(total - b - a).sum()


def _values(matrix: Any) -> NDArray[np.float64]:
    return np.asarray(matrix.data if sparse.issparse(matrix) else matrix, np.float64).ravel()


def _last_place(numbers: NDArray[np.float64]) -> int:
    """Return the largest ``e`` for which all numbers are multiples of ``2**e``."""
    mantissa, exponent = np.frexp(numbers)
    whole = (mantissa * 2.0**53).astype(np.int64)
    # The lowest set bit of each.
    lowest = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return int((exponent - 53 + lowest).min())


def _clean(matrix: Any) -> Any:
    result = sparse.csr_array(matrix)
    if not result.data.all():
        # The caller's own array keeps its zeros.
        result = result.copy() if result.data is getattr(matrix, "data", None) else result
        result.eliminate_zeros()
    return result
