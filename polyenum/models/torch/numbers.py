"""Numbers of torch as arrays."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from polyenum.errors import NetworkError


def numbers(tensor: Any, title: str) -> NDArray[Any]:
    """Return a tensor as an array: floats as float64, exactly.

    Raises
    ------
    NetworkError
        If it holds complex or quantized numbers.
    """
    tensor = tensor.detach().cpu()
    if tensor.is_complex() or tensor.is_quantized:
        raise NetworkError(f"{title}: weights must be real floats, found {tensor.dtype}")
    # Of a copy: torch takes note of memory that NumPy has.
    return (tensor.double() if tensor.is_floating_point() else tensor).clone().numpy()
