"""`open_regions`: a complex from a file, which is not trusted."""

from __future__ import annotations

import os
from typing import Any

from polyenum.cells.found import RegionArrays, SignCounts
from polyenum.domains.storage import domain_names, domain_of
from polyenum.errors import FileError
from polyenum.files import arrays as storage
from polyenum.networks.storage import network_names, network_of, of_type
from polyenum.options import file_path
from polyenum.regions.certificate import Certificate
from polyenum.regions.complex import RegionComplex
from polyenum.regions.fitting import ARRAYS, impossible_sides, misfit
from polyenum.regions.storage import FORMAT, VERSION

_ENGINES = ("vertex", "lp", "exact", "shapely")


def open_regions(path: str | os.PathLike[str]) -> RegionComplex:
    """Return the complex in a file that `RegionComplex.save` wrote.

    Nothing in the file is executed.  What it says is not believed because it is there: `check` proves it.

    Parameters
    ----------
    path : path
        Of an ``.npz`` file.

    Returns
    -------
    RegionComplex

    Raises
    ------
    FileError
        If there is no such file, it is of another kind or a newer version, or damaged.

    Examples
    --------
    >>> import os, tempfile
    >>> import polyenum as pe
    >>> cx = pe.enumerate_regions([([[1.0]], [0]), ([[1.0]], [0])], pe.Box(-1, 1, dim=1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cx.save(os.path.join(folder, "regions.npz"))
    ...     again = pe.open_regions(os.path.join(folder, "regions.npz"))
    >>> len(again), again.patterns.tolist(), again.domain
    (2, [[0], [1]], Box([-1], [1]))
    """
    file = file_path("path", path, FileError)
    header, arrays = storage.read(file)
    if header.get("format") != FORMAT:
        raise FileError(f"{file}: holds no regions, but {header.get('format')!r}")
    if header.get("version") != VERSION:
        raise FileError(
            f"{file}: of version {header.get('version')!r}; this polyenum reads version {VERSION}"
        )
    try:
        cx = _complex_of(header, arrays)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise FileError(f"{file}: damaged ({type(error).__name__}: {error})") from None
    problem = misfit(cx, cx.network, cx.domain) or impossible_sides(cx)
    if problem is not None:
        raise FileError(f"{file}: damaged, its arrays do not fit each other ({problem})")
    return cx


def _complex_of(header: dict[str, Any], arrays: dict[str, Any]) -> RegionComplex:
    """Return the complex of a header and arrays; `misfit` says whether its arrays may be indexed."""
    network = network_of(header["stages"], arrays)
    domain = domain_of(header["domain"], arrays)
    known = set(ARRAYS) | network_names(header["stages"]) | domain_names(header["domain"])
    if not set(arrays) <= known:
        raise ValueError(f"it holds {min(set(arrays) - known)!r}, which has no meaning")
    own = {name: of_type(arrays, name, dtype, axes) for name, (dtype, axes) in ARRAYS.items()}
    maps = (len(own["packed_sides"]), domain.dim + 1, network.output_dim)
    if own["maps"].shape != maps:
        raise ValueError(f"maps is of shape {own['maps'].shape}, not {maps}")
    for name in ("complete", "certified"):
        if not isinstance(header[name], bool):
            raise TypeError(f"{name} is {header[name]!r:.80}, neither true nor false")
    engine, signs = header["engine"], header["signs"]
    if engine not in _ENGINES:
        raise ValueError(f"its engine is {engine!r:.80}")
    if (own["inside"].shape[1] > 0) != (engine == "lp"):
        raise ValueError(f"points inside regions do not go with the engine {engine!r}")
    if len(signs) != len(SignCounts._fields) or not all(
        type(n) is int and 0 <= n < 1 << 63 for n in signs
    ):
        raise ValueError(f"its counts of signs are {signs!r:.80}")
    return RegionComplex(
        network,
        domain,
        RegionArrays(**{name: own[name] for name in RegionArrays._fields}),
        complete=header["complete"],
        engine=engine,
        certificate=Certificate(header["certified"], *signs),
        map_error=own["map_error"],
        vertex_error=float.fromhex(header["vertex_error"]),
    )
