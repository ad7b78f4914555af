"""Formulas that people type, parsed and never evaluated as code."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import OptionError

MOST_CHARACTERS = 200
LARGEST_EXPONENT = 16

Values = NDArray[np.float64]
Function = Callable[[Values], Values]

FUNCTIONS: dict[str, Callable[..., Values]] = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh, "exp": np.exp, "log": np.log,
    "sqrt": np.sqrt, "abs": np.abs, "sign": np.sign, "floor": np.floor,
}  # fmt: skip
PAIRS: dict[str, Callable[..., Values]] = {"min": np.minimum, "max": np.maximum}
CONSTANTS = {"pi": math.pi, "e": math.e}
_OPERATORS: dict[type, Callable[..., Values]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
}  # fmt: skip


def parse(text: str, variables: Sequence[str]) -> Function:
    """Return the function that a formula names, of points (n, variables) and with values (n, 1).

    Parameters
    ----------
    text : str
        Numbers, the variables, ``+ - * / ^``, ``sin cos tan tanh exp log sqrt abs sign floor``, ``min`` and
        ``max`` of two, ``pi`` and ``e``.
    variables : sequence of str

    Raises
    ------
    OptionError
        If it holds anything else.

    Examples
    --------
    >>> parse("x^2 + 2*y", ["x", "y"])(np.array([[1.0, 2.0], [3.0, 0.0]]))
    array([[5.],
           [9.]])
    """
    if len(text) > MOST_CHARACTERS:
        raise OptionError(f"a formula has at most {MOST_CHARACTERS} characters, found {len(text)}")
    try:
        tree = ast.parse(text.replace("^", "**").strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise OptionError(f"not a formula: {text!r}") from None
    names = {name: k for k, name in enumerate(variables)}
    compute = _read(tree, names)

    def function(points: Values) -> Values:
        with np.errstate(all="ignore"):
            found = np.broadcast_to(compute(np.asarray(points, np.float64)), len(points))
        return np.nan_to_num(found, nan=0.0, posinf=1e6, neginf=-1e6)[:, None]

    return function


def _read(node: ast.expr, names: dict[str, int]) -> Function:
    if isinstance(node, ast.Constant):
        number = _number(node)
        return lambda points: np.full(len(points), number)
    if isinstance(node, ast.Name):
        if node.id in names:
            column = names[node.id]
            return lambda points: points[:, column]
        if node.id in CONSTANTS:
            constant = CONSTANTS[node.id]
            return lambda points: np.full(len(points), constant)
        known = ", ".join([*names, *CONSTANTS])
        raise OptionError(f"{node.id!r} is unknown; known are {known}")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner, sign = _read(node.operand, names), -1.0 if isinstance(node.op, ast.USub) else 1.0
        return lambda points: sign * inner(points)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, power = _read(node.left, names), _number(node.right)
        if abs(power) > LARGEST_EXPONENT:
            raise OptionError(f"exponents are numbers up to {LARGEST_EXPONENT}, found {power:g}")
        return lambda points: base(points) ** power
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        operator = _OPERATORS[type(node.op)]
        left, right = _read(node.left, names), _read(node.right, names)
        return lambda points: operator(left(points), right(points))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        table, count = (FUNCTIONS, 1) if node.func.id in FUNCTIONS else (PAIRS, 2)
        if node.func.id in table and len(node.args) == count:
            call = table[node.func.id]
            arguments = [_read(a, names) for a in node.args]
            return lambda points: call(*(a(points) for a in arguments))
        raise OptionError(
            f"{node.func.id}: of one argument there are {', '.join(FUNCTIONS)}, of two {', '.join(PAIRS)}"
        )
    raise OptionError(
        f"a formula has no {type(node).__name__}: numbers, + - * / ^ and functions only"
    )


def _number(node: ast.expr) -> float:
    """Return a plain number; exponents and constants must be such."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand)
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e9:
        raise OptionError("constants and exponents are numbers up to 1e9")
    return float(value)
