"""Does a form become positive on a cell?  A dense dual simplex for tiny programs, and proofs of its answers.

Compiled, for the LP cells: programs of some ten variables and some tens of rows, millions of them.
Nothing that the simplex says is believed: a "yes" comes with a point, whose signs are proven, and a "no"
with multipliers, from which a bound on the form follows however wrong they are.
"""

from __future__ import annotations

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.compiled import compiled

NO, YES, UNDECIDED = range(3)

# A basic solution that violates no row by more than this counts as feasible; a guess, proven after.
SLACK = 1e-9


@compiled()
def becomes_positive(rows, errors, count, box, form, coef, const, inside, scratch, basis, point):
    """Decide whether a form is positive somewhere on a cell, by a proof or not at all.

    Parameters
    ----------
    rows : (capacity, dim + 1) float64
        The cell is where the first `count` are at least 0, within `box`.
    errors : (capacity, 2) float64
        Bounds on the errors of their coefficients and constants.
    count : int
    box : (2, dim) float64
        Lower and upper bounds; exact.
    form : (dim + 1,) float64
    coef, const : float
        Bounds on the errors of its coefficients and its constant.
    inside : (dim,) float64
        A point of the cell's interior.
    scratch : (dim + 3, dim) float64
    basis : (dim,) int64
    point : (dim,) float64
        For YES, a point of the cell's interior at which the form is positive.

    Returns
    -------
    int
        NO, the form is nowhere positive; YES; or UNDECIDED.
    """
    value = maximise(rows, count, box, form, scratch, basis)
    dim = len(form) - 1
    x, price = scratch[dim], scratch[dim + 1]
    if not value > 0.0:
        most = upper_bound(rows, errors, count, box, form, coef, const, basis, price)
        return NO if most <= 0.0 else UNDECIDED
    start = form[dim]
    for k in range(dim):
        start += form[k] * inside[k]
    step = 0.5
    if start < 0.0:
        step = 0.5 * value / (value - start)
    for k in range(dim):
        point[k] = x[k] + step * (inside[k] - x[k])
        if not box[0, k] < point[k] < box[1, k]:
            return UNDECIDED
    for i in range(count):
        if not proven_positive(rows[i], errors[i, 0], errors[i, 1], point):
            return UNDECIDED
    return YES if proven_positive(form, coef, const, point) else UNDECIDED


@compiled()
def proven_positive(form, coef, const, point):
    """Return whether a form is positive at a point beyond all rounding.

    The value errs by at most ``gamma(dim + 3) (|a| . |x| + |c|)`` (rounding of the sum) and
    ``coef |x|_1 + const`` (rounding of the form).
    """
    dim = len(point)
    value, size, reach = form[dim], abs(form[dim]), 0.0
    for k in range(dim):
        term = form[k] * point[k]
        value += term
        size += abs(term)
        reach += abs(point[k])
    bound = ((dim + 4) * UNIT * size + coef * reach + const) * (1 + (dim + 64) * UNIT)
    return value > bound + 1e-300


@compiled()
def upper_bound(rows, errors, count, box, form, coef, const, basis, price):
    """Return an upper bound on a form over a cell, from any multipliers of rows.

    With multipliers ``y >= 0`` of rows ``r_i >= 0``, a form ``z`` satisfies ``z <= z + sum y_i r_i``, an
    affine form whose maximum over the box is at a corner (a Farkas combination; Neumaier and
    Shcherbina, "Safe bounds in linear and mixed-integer linear programming", Math. Program. 99, 2004).
    Its coefficients are sums of ``dim + 1`` products, so all in all the computed bound errs by
    ``gamma(2 dim + 6)`` times the sum of absolute terms, and by the errors of form and rows times the
    largest ``|x|_1`` of the box.  A product with a multiplier may also underflow, by less than the smallest
    number: one of a coefficient counts times the largest ``|x|_1``, the others are below the 1e-300.
    """
    dim = len(form) - 1
    total, size, reach = form[dim], abs(form[dim]), 0.0
    slope, offset = coef + 2 * (dim + 1) * SMALLEST, const
    for j in range(dim):
        i = basis[j]
        if i < count and price[j] > 0.0:
            total += price[j] * rows[i, dim]
            size += price[j] * abs(rows[i, dim])
            slope += price[j] * errors[i, 0]
            offset += price[j] * errors[i, 1]
    for k in range(dim):
        h, extent = form[k], abs(form[k])
        for j in range(dim):
            i = basis[j]
            if i < count and price[j] > 0.0:
                h += price[j] * rows[i, k]
                extent += abs(price[j] * rows[i, k])
        total += max(h * box[0, k], h * box[1, k])
        largest = max(abs(box[0, k]), abs(box[1, k]))
        size += extent * largest
        reach += largest
    error = (2 * dim + 8) * UNIT * size + slope * reach + offset
    return total + error * (1 + (4 * dim + 64) * UNIT) + 1e-300


@compiled()
def maximise(rows, count, box, form, scratch, basis):
    """Maximise a form over a cell by the dual simplex method, in floats.

    Starts at the box's best corner; ends at the maximum, or as soon as the bound is negative.  Basic
    constraints are ``n . x <= b``: row ``i`` turned around, or ``count + 2 k + side`` for the box.  The
    basis' inverse is in ``scratch[:dim]``, the solution in ``scratch[dim]``, and the multipliers in
    ``scratch[dim + 1]``.

    Returns
    -------
    float
        The form's value at the solution.
    """
    dim = len(form) - 1
    inverse, x, price, alpha = scratch, scratch[dim], scratch[dim + 1], scratch[dim + 2]
    for k in range(dim):
        side = 1 if form[k] > 0.0 else 0
        basis[k] = count + 2 * k + side
        for j in range(dim):
            inverse[k, j] = 0.0
        inverse[k, k] = 1.0 if side else -1.0
        x[k] = box[side, k]
        price[k] = abs(form[k])
    value = form[dim]
    for k in range(dim):
        value += form[k] * x[k]
    for _ in range(20 * dim + 4 * count):
        if value < 0.0:
            return value
        # The most violated constraint enters.
        entering, worst = -1, SLACK
        for i in range(count):
            excess = -rows[i, dim]
            for k in range(dim):
                excess -= rows[i, k] * x[k]
            if excess > worst:
                entering, worst = i, excess
        for k in range(dim):
            if box[0, k] - x[k] > worst:
                entering, worst = count + 2 * k, box[0, k] - x[k]
            if x[k] - box[1, k] > worst:
                entering, worst = count + 2 * k + 1, x[k] - box[1, k]
        if entering < 0:
            return value
        for j in range(dim):
            alpha[j] = 0.0
        if entering < count:
            for k in range(dim):
                for j in range(dim):
                    alpha[j] -= rows[entering, k] * inverse[k, j]
        else:
            k = (entering - count) >> 1
            for j in range(dim):
                alpha[j] = inverse[k, j] if (entering - count) & 1 else -inverse[k, j]
        leaving, ratio = -1, 0.0
        for j in range(dim):
            if alpha[j] > 1e-11:
                own = max(price[j], 0.0) / alpha[j]
                if leaving < 0 or own < ratio or (own == ratio and alpha[j] > alpha[leaving]):
                    leaving, ratio = j, own
        if leaving < 0:
            return value
        pivot = 1.0 / alpha[leaving]
        for k in range(dim):
            column = inverse[k, leaving] * pivot
            for j in range(dim):
                inverse[k, j] -= alpha[j] * column
            inverse[k, leaving] = column
            # The entering constraint becomes tight: x moves along this column by the violation.
            x[k] -= worst * column
        basis[leaving] = entering
        for j in range(dim):
            price[j] -= ratio * alpha[j]
        price[leaving] = ratio
        value = form[dim]
        for k in range(dim):
            value += form[k] * x[k]
    return value
