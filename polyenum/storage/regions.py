"""`RegionComplex.save` and `open_regions`: a round trip that loses nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from polyenum.arguments import file_path
from polyenum.errors import FileError
from polyenum.storage import arrays as storage
from polyenum.storage.domains import domain_arrays, domain_names, domain_of
from polyenum.storage.networks import network_arrays, network_names, network_of, of_type

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex

FORMAT = "polyenum regions"
VERSION = 1
_ENGINES = ("vertex", "lp", "exact", "shapely")

# Each with its type and number of axes.
_ARRAYS = {
    "packed_sides": (np.uint8, 2),
    "maps": (np.float64, 3),
    "map_error": (np.float64, 2),
    "vertex_offsets": (np.int64, 1),
    "corner_points": (np.float64, 2),
    "corner_masks": (np.uint64, 2),
    "label_offsets": (np.int64, 1),
    "labels": (np.int32, 1),
    "inside": (np.float64, 2),
}


def save_regions(cx: RegionComplex, path: str | os.PathLike[str]) -> None:
    """Write a complex, its network and its domain to a file; see `RegionComplex.save`."""
    file = file_path("path", path, FileError)
    if file.suffix.lower() != ".npz":
        raise FileError(f"{file}: a saved complex is an .npz file; give a name that ends so")
    stages, arrays = network_arrays(cx.network)
    kind, own = domain_arrays(cx.domain)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "complete": bool(cx.complete),
        "certified": bool(cx.certificate.certified),
        "engine": cx.engine,
        "signs": [int(n) for n in cx._signs],
        "vertex_error": float(cx.vertex_error).hex(),
        "domain": kind,
        "stages": stages,
    }
    arrays |= own
    for name in _ARRAYS:
        arrays[name] = getattr(cx, f"_{name}" if name in ("maps", "inside") else name)
    storage.write(file, header, arrays)


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
    from polyenum.complex.fitting import impossible_sides, misfit

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
    from polyenum.cells.engine import SignCounts
    from polyenum.complex.region_complex import RegionComplex

    network = network_of(header["stages"], arrays)
    domain = domain_of(header["domain"], arrays)
    known = set(_ARRAYS) | network_names(header["stages"]) | domain_names(header["domain"])
    if not set(arrays) <= known:
        raise ValueError(f"it holds {min(set(arrays) - known)!r}, which has no meaning")
    own = {name: of_type(arrays, name, dtype, axes) for name, (dtype, axes) in _ARRAYS.items()}
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
        complete=header["complete"],
        certified=header["certified"],
        engine=engine,
        signs=SignCounts(*signs),
        vertex_error=float.fromhex(header["vertex_error"]),
        **own,
    )
