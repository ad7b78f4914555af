"""The names of inputs or outputs, each made when it is asked for: a short file may declare millions."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import overload


class Names(Sequence[str]):
    """Names, in the order of memory."""

    @abstractmethod
    def place(self, name: str) -> int | None:
        """Return the index of a name, None if it is none of these."""

    @abstractmethod
    def _name(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        found = range(len(self))[index]
        return self._name(found) if isinstance(found, int) else [self._name(k) for k in found]


class Constants(Names):
    """``X_0, X_1, ...``.

    Parameters
    ----------
    kind : {"X", "Y"}
    count : int
    """

    def __init__(self, kind: str, count: int) -> None:
        self._kind, self._count = kind, count

    def __len__(self) -> int:
        return self._count

    def _name(self, index: int) -> str:
        return f"{self._kind}_{index}"

    def place(self, name: str) -> int | None:
        """Return the index of a declared name of this kind."""
        return int(name[2:]) if name[0] == self._kind else None


class Tensor(Names):
    """``X[0,0], X[0,1], ...``, or ``X`` alone.

    Parameters
    ----------
    name : str
    sizes : sequence of int
        Of the axes, the last of which runs fastest.
    """

    def __init__(self, name: str, sizes: Sequence[int]) -> None:
        self.name, self._sizes = name, tuple(sizes)
        self._length = math.prod(sizes)
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return self._length

    def _name(self, index: int) -> str:
        if not self._sizes:
            return self.name
        place = []
        for size in reversed(self._sizes):
            index, k = divmod(index, size)
            place.append(str(k))
        return f"{self.name}[{','.join(reversed(place))}]"

    def place(self, name: str) -> int | None:
        """Return the index of an element's name, None if it is none of this tensor."""
        found = self._places.get(name)
        if found is None and (found := self._parsed(name)) is not None:
            self._places[name] = found
        return found

    def _parsed(self, name: str) -> int | None:
        if not self._sizes:
            return 0 if name == self.name else None
        head, bracket, rest = name.partition("[")
        words = rest[:-1].split(",")
        if head != self.name or not bracket or rest[-1:] != "]" or len(words) != len(self._sizes):
            return None
        found = 0
        for word, size in zip(words, self._sizes, strict=True):
            short = len(word) <= 9 and word.isascii() and word.isdecimal()
            if not short or str(int(word)) != word or int(word) >= size:
                return None
            found = found * size + int(word)
        return found
