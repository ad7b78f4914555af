"""`verify_sampling`: a sampled count held against the exact regions."""

from __future__ import annotations

from typing import Any

from polyenum import options
from polyenum.domains import Domain
from polyenum.domains.domain import as_domain
from polyenum.enumeration.calls import MOST_THREADS, enumerate_regions
from polyenum.enumeration.engines import check_engine
from polyenum.errors import IncompleteError, OptionError, RegionError
from polyenum.models.load import load
from polyenum.regions.complex import RegionComplex, as_complex
from polyenum.sampling.floats import floats_of
from polyenum.sampling.methods import BY_NAME
from polyenum.sampling.points import check_count
from polyenum.sampling.report import SamplingReport
from polyenum.sampling.samples import sample
from polyenum.sampling.setup import Setup

METHODS = tuple(BY_NAME)
"""How sampled regions are told apart: "unique", "rounded", "slopes", "patterns"."""


def verify_sampling(
    net: Any,
    domain: Domain,
    *,
    method: str = "unique",
    sampling: str = "grid",
    resolution: int = 100,
    dtype: str = "float32",
    decimals: int = 5,
    rtol: float = 1e-2,
    atol: float = 1e-2,
    seed: int = 0,
    exact: RegionComplex | None = None,
    threads: int | None = None,
    progress: bool = False,
    engine: str = "auto",
) -> SamplingReport:
    """Count regions by sampling, as people do, and hold the count against the exact regions.

    Parameters
    ----------
    net : whatever `load` takes
        Gradients of a torch module are computed by torch, of anything else in NumPy.
    domain : Domain
        Of any dimension.
    method : {"unique", "rounded", "slopes", "patterns"}
        How points of one region are told from those of another: by ``np.unique`` of their raw gradients, by
        that of gradients rounded to `decimals`, in 1-D by slopes of neighbouring points that are not
        ``isclose(rtol, atol)``, or by their activation patterns.  Gradients are held against the linear regions,
        patterns against the activation regions.
    sampling : {"grid", "random"}
        Where the points are: on a grid over the bounding box, or anywhere, uniformly.
    resolution : int
        Of a grid the points along each axis, else the number of points.
    dtype : {"float32", "float64"}
        In what floats the sampled side computes.
    decimals : int
        For "rounded".
    rtol, atol : float
        For "slopes".
    seed : int
        Of random points.
    exact : RegionComplex, optional
        The exact regions of this network on this domain, if they are at hand.
    threads, progress, engine
        As in `enumerate_regions`.

    Returns
    -------
    SamplingReport

    Raises
    ------
    OptionError, DomainError, NetworkError
        If an argument cannot be what it is to be, before any work.
    RegionError
        If `exact` is not complete, or is of something else.

    Examples
    --------
    >>> import polyenum as pe
    >>> tent = [([[1.0], [1.0], [1.0]], [1, -0.5, -0.52]), ([[2.0, -4.0, 5.0]], [0])]
    >>> report = pe.verify_sampling(tent, pe.Box(0, 1, dim=1), resolution=12)
    >>> report.exact_count, report.sampled_count, report.missed.tolist()
    (3, 2, [1])
    >>> report.resolution_needed
    51
    """
    as_domain("domain", domain)
    setup = Setup(
        method=options.choice("method", method, METHODS),
        sampling=options.choice("sampling", sampling, ("grid", "random")),
        resolution=options.whole("resolution", resolution, least=2),
        dtype=options.choice("dtype", dtype, ("float32", "float64")),
        decimals=options.whole("decimals", decimals, least=-300, most=300),
        rtol=options.real("rtol", rtol, least=0),
        atol=options.real("atol", atol, least=0),
        seed=options.seed("seed", seed),
        floats="",
    )
    options.flag("progress", progress)
    options.whole_or_none("threads", threads, most=MOST_THREADS)
    if method == "slopes" and domain.dim != 1:
        raise OptionError(
            f"method='slopes' compares neighbours on a line; {domain!r} has dimension {domain.dim}"
        )
    check_engine(engine, True, domain)
    check_count(domain, setup)
    network = load(net)
    as_domain("domain", domain, input_dim=network.input_dim)
    cx = None if exact is None else as_complex("exact", exact)
    if cx is None:
        cx = enumerate_regions(network, domain, threads=threads, progress=progress, engine=engine)
    elif (
        cx.network.hyperplane_count != network.hyperplane_count
        or not cx.domain.same_as(domain)
        or cx.network.input_dim != network.input_dim
    ):
        raise RegionError(f"exact: {cx!r} is of another network or domain")
    if not cx.complete:
        raise IncompleteError(
            "the exact regions are not complete; nothing can be held against a part of them"
        )
    floats = floats_of(net, network, domain, dtype)
    setup = setup._replace(floats=floats.name)
    return SamplingReport(cx, setup, floats, *sample(cx.domain, setup, floats))
