"""Which cells do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyenum.domains import Domain
from polyenum.errors import DomainError, OptionError
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.options import choice, flag

if TYPE_CHECKING:
    from polyenum.cells.engine import Engine

LARGEST_DIM = 8
ENGINES = ("auto", "vertex", "lp", "shapely", "exact")


def check_engine(engine: str, certified: bool, domain: Domain) -> None:
    """Raise unless `engine` is known and can do what is asked.

    Raises
    ------
    OptionError
        If there is no such engine, or it cannot do without proofs.
    DomainError
        If the domain's dimension is too large for it.
    """
    choice("engine", engine, ENGINES)
    flag("certified", certified)
    engine = chosen(engine, domain)
    if engine in ("lp", "exact") and not certified:
        raise OptionError(f"engine={engine!r} is always certified; certified=False is for 'vertex'")
    if engine == "shapely" and domain.dim != 2:
        raise DomainError(f"engine='shapely' works in 2 dimensions; {domain!r} has {domain.dim}")
    if engine != "lp" and domain.dim > LARGEST_DIM:
        raise DomainError(
            f"{domain!r} has dimension {domain.dim}; engine={engine!r} keeps all vertices of a cell, "
            f"about 2**dimension of them, so it works up to dimension {LARGEST_DIM}; engine='lp' "
            "works in any, and so does a Slice through the domain"
        )


def chosen(engine: str, domain: Domain) -> str:
    """Return the engine that "auto" stands for: vertices up to dimension 8, beyond it LP feasibility."""
    if engine != "auto":
        return engine
    return "vertex" if domain.dim <= LARGEST_DIM else "lp"


def make_engine(
    engine: str, network: PiecewiseLinearNetwork, domain: Domain, *, certified: bool
) -> Engine:
    """Return the engine of that name."""
    engine = chosen(engine, domain)
    if engine == "shapely":
        from polyenum.cells.polygon.walker import PolygonEngine

        return PolygonEngine(network, domain)
    if engine == "lp":
        from polyenum.cells.halfspace.engine import HalfspaceEngine

        return HalfspaceEngine(network, domain)
    if engine == "exact":
        from polyenum.cells.exact.walker import ExactEngine

        return ExactEngine(network, domain)
    from polyenum.cells.vertex.engine import VertexEngine

    return VertexEngine(network, domain, certified=certified)
