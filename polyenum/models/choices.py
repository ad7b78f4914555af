"""What a caller chooses of a model: its inputs, its outputs, and the inputs' shapes.

All kinds of models answer alike: what is wrong raises an `OptionError` that says what there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from polyenum.errors import OptionError
from polyenum.options import found, whole

Chosen = Sequence[str | int] | None
"""Names and positions of inputs or outputs; None for those that a model has by default."""

# More inputs than any model has, and more numbers than any input.
MOST_POSITIONS, LARGEST_SIZE = 2**31, 2**40


def check_shape(input_shape: Any) -> None:
    """Raise unless `input_shape` is a list of sizes, or several of them, by name or in a list.

    Raises
    ------
    OptionError
    """
    if input_shape is None:
        return
    if isinstance(input_shape, dict):
        for shape in input_shape.values():
            check_shape(shape)
        return
    if not isinstance(input_shape, (list, tuple)):
        raise OptionError(
            f"input_shape must be a list of whole numbers, such as (1, 28, 28), found {found(input_shape)}"
        )
    several = [shape for shape in input_shape if isinstance(shape, (list, tuple))]
    if several and len(several) < len(input_shape):
        raise OptionError(
            "input_shape must be a list of whole numbers, or for several inputs a list of such lists; found "
            f"{found(input_shape)}"
        )
    for shape in several or [input_shape]:
        for size in shape:
            whole("every size in input_shape", size, most=LARGEST_SIZE)


def check_choice(what: str, chosen: Any) -> None:
    """Raise unless `chosen` lists names or positions of a model's inputs or outputs.

    Raises
    ------
    OptionError
    """
    if chosen is None:
        return
    if not isinstance(chosen, (list, tuple)) or not len(chosen):
        raise OptionError(
            f"{what} must be a list of names or positions, such as ['image'] or [0], found {found(chosen)}"
        )
    for one in chosen:
        if not isinstance(one, str):
            whole(f"every position in {what}", one, least=-MOST_POSITIONS, most=MOST_POSITIONS)


def positions(chosen: Chosen, known: Sequence[str], what: str) -> list[int]:
    """Return the positions of what is chosen by name or position; all if nothing is.

    Parameters
    ----------
    chosen : sequence of str or int, optional
        As `check_choice` passes it.
    known : sequence of str
        The names that there are; "" where one has none.
    what : str
        ``"inputs"`` or ``"outputs"``.

    Raises
    ------
    OptionError
        For one that there is not, or twice the same.
    """
    if chosen is None:
        return list(range(len(known)))
    taken = []
    for one in chosen:
        if isinstance(one, str):
            good = one != "" and list(known).count(one) == 1
        else:
            good = -len(known) <= one < len(known)
        if not good:
            names = ", ".join(repr(k) for k in known if k)
            there = f"there are {len(known)}" + (f": {names}" if names else "")
            raise OptionError(f"{what}: there is no {one!r}; {there}")
        taken.append(list(known).index(one) if isinstance(one, str) else int(one) % len(known))
    if len(set(taken)) < len(taken):
        raise OptionError(f"{what} must name each once, found {list(chosen)!r}")
    return taken


def refuse_missing(chosen: Chosen, missing: Sequence[str], why: str) -> None:
    """Raise if inputs are not chosen that a model cannot do without.

    Raises
    ------
    OptionError
    """
    if missing:
        raise OptionError(
            f"inputs={list(chosen or [])!r} leaves out {missing[0]!r}, {why}; choose it too"
        )


def shapes_by_name(input_shape: Any, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the caller gives: one for each input, or for some by name.

    Parameters
    ----------
    input_shape : sequence of int, sequence or dict of such, optional
        As `check_shape` passes it.
    names : sequence of str
        The chosen inputs, in their order.

    Raises
    ------
    OptionError
        If there are fewer or more than inputs, or one is for an input that there is not.
    """
    if input_shape is None:
        return {}
    there = ", ".join(map(repr, names))
    if not isinstance(input_shape, Mapping):
        several = any(isinstance(shape, Sequence) for shape in input_shape)
        each = list(input_shape) if several else [input_shape]
        if len(each) != len(names):
            raise OptionError(
                f"input_shape must give a shape for each of the {len(names)} inputs ({there}), in a list or by "
                f"name; found {len(each)}"
            )
        input_shape = dict(zip(names, each, strict=True))
    for name in input_shape:
        if name not in names:
            raise OptionError(f"input_shape: there is no input {name!r}; there are {there}")
    return {name: tuple(int(n) for n in shape) for name, shape in input_shape.items()}
