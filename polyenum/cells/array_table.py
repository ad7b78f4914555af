"""Many named arrays as one pointer, for compiled functions that share a large state.

A compiled function takes each array as seven machine words; forty arrays passed down a chain of calls
cost more than the work.  An `ArrayTable` is a class of named arrays that compiled code receives as the
address of one descriptor, a row ``(data, length of axis 0, 1, 2)`` per field, and reads as ``table.name``.
Measured on the 2-D walk: compile time 26 s to 14 s.

Fields are declared by annotations; a subclass' instances all have the dtypes and numbers of axes of
``layout``.  The arrays must be C-contiguous; they stay writable, but cannot be exchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import (
    NativeValue,
    models,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

_COLUMNS = 4
Table = TypeVar("Table", bound="ArrayTable")


class ArrayTable:
    """Base of classes of named arrays; see the module's docstring.

    Attributes
    ----------
    layout : dict of str to (dtype, axes), or None for an integer
        Set by each subclass.
    """

    layout: ClassVar[dict[str, tuple[str, int] | None]]

    def __init__(self, **fields: Any) -> None:
        if set(fields) != set(self.layout):
            raise TypeError(f"{type(self).__name__} needs exactly {sorted(self.layout)}")
        rows = np.zeros((len(self.layout), _COLUMNS), np.int64)
        for i, (name, kind) in enumerate(self.layout.items()):
            value = fields[name]
            if kind is None:
                rows[i, 0] = value
            else:
                dtype, axes = kind
                if (
                    value.dtype != np.dtype(dtype)
                    or value.ndim != axes
                    or not value.flags.c_contiguous
                ):
                    raise TypeError(
                        f"{type(self).__name__}.{name} must be a contiguous array of {dtype} with "
                        f"{axes} axes, found {value.dtype} with {value.ndim}"
                    )
                rows[i, 0] = value.ctypes.data
                rows[i, 1 : 1 + axes] = value.shape
            setattr(self, name, value)
        self._rows = rows
        self.address = rows.ctypes.data

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def names(self) -> list[str]:
        """Return the names of the fields."""
        return list(self.layout)

    def replace(self: Table, **fields: Any) -> Table:
        """Return a table with some arrays exchanged and the others shared."""
        return type(self)(**{name: getattr(self, name) for name in self.layout} | fields)


class TableType(types.Type):
    """The compiled type of one `ArrayTable` subclass."""

    def __init__(self, name: str, layout: tuple[tuple[str, tuple[str, int] | None], ...]) -> None:
        self.layout = layout
        super().__init__(name=f"ArrayTable({name}, {layout})")

    def field(self, name: str) -> tuple[int, types.Type] | None:
        """Return the row and the compiled type of a field."""
        for i, (field, kind) in enumerate(self.layout):
            if field == name:
                if kind is None:
                    return i, types.int64
                return i, types.Array(from_dtype(np.dtype(kind[0])), kind[1], "C")
        return None


@typeof_impl.register(ArrayTable)
def _typeof(value: ArrayTable, _context: Any) -> TableType:
    cls = type(value)
    found = cls.__dict__.get("_compiled_type")
    if found is None:
        found = TableType(cls.__name__, tuple(cls.layout.items()))
        cls._compiled_type = found  # type: ignore[attr-defined]
    return found


@register_model(TableType)
class _TableModel(models.OpaqueModel):
    """A pointer."""


@unbox(TableType)
def _unbox(typ: Any, obj: Any, c: Any) -> NativeValue:
    number = c.pyapi.object_getattr_string(obj, "address")
    address = c.pyapi.long_as_longlong(number)
    c.pyapi.decref(number)
    return NativeValue(c.builder.inttoptr(address, ir.IntType(8).as_pointer()))


@infer_getattr
class _TableAttribute(AttributeTemplate):
    key = TableType

    def generic_resolve(self, typ: Any, name: str) -> Any:
        """Return the compiled type of ``typ.name``."""
        found = typ.field(name)
        return None if found is None else found[1]


@lower_getattr_generic(TableType)
def _get(context: Any, builder: Any, typ: Any, value: Any, name: str) -> Any:
    row, kind = typ.field(name)
    word = ir.IntType(64)
    rows = builder.bitcast(value, word.as_pointer())

    def load(column: int) -> Any:
        where = builder.gep(rows, [ir.Constant(word, row * _COLUMNS + column)])
        found = builder.load(where)
        # The descriptor never changes while a compiled function runs.
        found.set_metadata("invariant.load", builder.module.add_metadata([]))
        return found

    if kind == types.int64:
        return load(0)
    array = make_array(kind)(context, builder)
    shape = [load(1 + axis) for axis in range(kind.ndim)]
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    strides = [ir.Constant(word, size)]
    for axis in range(kind.ndim - 1, 0, -1):
        strides.insert(0, builder.mul(strides[0], shape[axis]))
    data = context.get_data_type(kind.dtype).as_pointer()
    populate_array(
        array,
        data=builder.inttoptr(load(0), data),
        shape=shape,
        strides=strides,
        itemsize=ir.Constant(word, size),
        meminfo=None,
    )
    return array._getvalue()
