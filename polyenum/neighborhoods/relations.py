"""Positive relations between exact forms: the proof that rows leave no room."""

from __future__ import annotations

from collections.abc import Sequence

from polyenum.arithmetic.integers import Form, primitive


def positive_relation(forms: Sequence[Form], target: Form) -> tuple[list[int], int] | None:
    """Return positive weights with which the coefficients of `forms` add up to a multiple of the `target`'s.

    Found where it is the only relation, up to a factor: by elimination, where each row has a record of what
    it is made of.

    Parameters
    ----------
    forms : sequence of Form
        Their constants do not count here.
    target : Form

    Returns
    -------
    weights : list of int
        One for each of `forms`, all positive.
    multiple : int
        Of the target; of either sign, or 0.

    Examples
    --------
    >>> positive_relation([(1, 1, 0), (-1, 2, 5)], (0, 1, 7))
    ([1, 1], 3)
    >>> positive_relation([(1, 1, 0), (1, 2, 0)], (0, 1, 0)) is None
    True
    """
    dim, count = len(target) - 1, len(forms) + 1
    reduced: list[tuple[int, list[int]]] = []  # the pivot, and the row with its record
    relations = []
    for k, form in enumerate([target, *forms]):
        row = [*form[:-1], *(int(i == k) for i in range(count))]
        for pivot, other in reduced:
            if row[pivot]:
                p, q = other[pivot], row[pivot]
                row = list(primitive([p * x - q * y for x, y in zip(row, other, strict=True)]))
        pivot = next((i for i in range(dim) if row[i]), -1)
        if pivot < 0:
            relations.append(row[dim:])
        else:
            reduced.append((pivot, row))
    if len(relations) != 1:
        return None
    multiple, *weights = relations[0]
    if all(w < 0 for w in weights):
        multiple, weights = -multiple, [-w for w in weights]
    return (weights, -multiple) if weights and all(w > 0 for w in weights) else None
