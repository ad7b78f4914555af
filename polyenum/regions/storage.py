"""What is in the file of a saved complex, and how it is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from polyenum.domains.storage import domain_arrays
from polyenum.errors import FileError
from polyenum.files import arrays as storage
from polyenum.networks.storage import network_arrays
from polyenum.options import file_path
from polyenum.regions.fitting import ARRAYS

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

FORMAT = "polyenum regions"
VERSION = 1


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
        "signs": [int(n) for n in cx.certificate[1:]],
        "vertex_error": float(cx.vertex_error).hex(),
        "domain": kind,
        "stages": stages,
    }
    arrays |= own
    for name in ARRAYS:
        arrays[name] = getattr(cx, name)
    storage.write(file, header, arrays)
