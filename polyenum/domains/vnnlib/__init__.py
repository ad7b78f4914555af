"""Properties in VNN-LIB: sets of inputs, and what is asserted of the outputs.

`reading.py` knows the commands, `expressions.py` the parentheses, `terms.py` sums and comparisons, `conditions.py`
``and`` and ``or``; `names.py` numbers inputs and outputs, `inputs.py` makes domains and `outputs.py` properties of
what they find.
"""

from polyenum.domains.vnnlib.outputs import OutputProperty
from polyenum.domains.vnnlib.reading import load_vnnlib

__all__ = ["OutputProperty", "load_vnnlib"]
