"""Every error that polyenum raises on purpose; `PolyenumError` is the root of all."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class PolyenumError(Exception):
    """Root of all errors of this package."""


class NetworkError(PolyenumError, ValueError):
    """The network cannot be read, or is not piecewise linear."""


class DomainError(PolyenumError, ValueError):
    """The domain is empty, flat, unbounded, or does not fit the network."""


class OptionError(PolyenumError, ValueError):
    """An option of a call has a value that it cannot have."""


class RegionError(PolyenumError, ValueError):
    """A question to a region or a complex that it cannot answer."""


class IncompleteError(RegionError):
    """A question that needs all regions, to a complex that holds a part of them."""


class FileError(PolyenumError, ValueError):
    """A file of saved regions cannot be read or written."""


class NumericalError(PolyenumError, ArithmeticError):
    """Floats without error bounds (``certified=False``) contradicted each other."""


class CheckError(PolyenumError, ValueError):
    """A result is not what it claims to be; ``findings`` lists what was found."""

    def __init__(self, message: str, findings: list[str]) -> None:
        super().__init__(message)
        self.findings = findings

    def __reduce__(self) -> tuple[type[CheckError], tuple[str, list[str]]]:
        """Return what makes the error again in another process: `Exception` would leave out the findings."""
        return type(self), (str(self), self.findings)


class MissingExtraError(PolyenumError, ImportError):
    """An optional library is needed and not installed."""


def import_extra(library: str, extra: str) -> Any:
    """Return a library that only some features need.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return import_module(library)
    except ImportError:
        raise missing_extra(library, extra) from None


def missing_extra(library: str, extra: str) -> MissingExtraError:
    """Return the error that names the `extra` which brings `library`."""
    return MissingExtraError(
        f"this needs {library}, which is not installed; in a checkout of polyenum, "
        f"pip install '.[{extra}]' brings it"
    )
