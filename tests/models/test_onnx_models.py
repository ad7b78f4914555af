"""Whole ONNX models that readers and runtimes take differently: functions, data in files, types, sizes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import polyenum as pe

node = helper.make_node
Save = Callable[..., Path]


@pytest.fixture(params=["runtime", "reference"])
def runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """With onnxruntime, and as if it were not installed."""
    if request.param == "reference":
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    return request.param


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(
        nodes: list[Any], constants: dict[str, Any] | None = None, *, shape: tuple[int, ...] = (1, 3),
        functions: Any = (), opset: int = 17, kind: int = TensorProto.DOUBLE,
    ) -> Path:  # fmt: skip
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info("y", kind, None)],
            [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()],
        )
        imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
        made = helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=10)
        path = tmp_path / "model.onnx"
        path.write_bytes(made.SerializeToString())
        return path

    return write


def function(name: str, *nodes: Any, **options: Any) -> Any:
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], list(nodes), imports, **options)


def test_functions_that_differ_in_their_overload(save: Save, runs: str) -> None:
    two = [function("F", node(k, ["a"], ["b"]), overload=k) for k in ("Relu", "Neg")]
    # A third has the name that one of them would get.
    third = function("F_Neg", node("Abs", ["a"], ["b"]))
    inner = [
        function("G", node("F", ["a"], ["b"], domain="own", overload=k), overload=k)
        for k in ("Neg", "Relu")
    ]
    calls = [
        node("G", ["x"], ["h"], domain="own", overload="Relu"),
        node("G", ["x"], ["k"], domain="own", overload="Neg"),
        node("F_Neg", ["x"], ["l"], domain="own"),
        node("Sum", ["h", "k", "l"], ["y"]),
    ]
    net = pe.load(save(calls, functions=[*two, third, *inner]))
    x = np.array([3.0, -2.0, 0.5])
    assert (net(x) == np.maximum(x, 0) - x + np.abs(x)).all()


def test_functions_that_cannot_be_told_apart_or_never_end(save: Save) -> None:
    relu = function("F", node("Relu", ["a"], ["b"]))
    call = node("F", ["x"], ["y"], domain="own")
    with pytest.raises(pe.NetworkError, match="two functions are both 'F' of 'own'"):
        pe.load(save([call], functions=[relu, relu]))
    other = node("F", ["x"], ["y"], domain="own", overload="other")
    with pytest.raises(pe.NetworkError, match="'F' of 'own' with the overload 'other'"):
        pe.load(save([other], functions=[relu]))
    circle = [function(a, node(b, ["a"], ["b"], domain="own")) for a, b in ("FG", "GF")]
    with pytest.raises(pe.NetworkError, match="calls itself, so it never ends") as caught:
        pe.load(save([call], functions=circle))
    assert len(str(caught.value)) < 200


def elsewhere(location: str) -> Any:
    """Return a tensor of three numbers that are in a file."""
    tensor = numpy_helper.from_array(np.zeros(3))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return tensor


def holders(location: str) -> dict[str, tuple[list[Any], Any]]:
    """Return models that add a tensor in a file: in a node, a function, a branch, and one not taken."""
    constant = node("Constant", [], ["c"], value=elsewhere(location))
    out = [helper.make_tensor_value_info("o", TensorProto.DOUBLE, None)]
    with_it = helper.make_graph(
        [node("Add", ["x", "c"], ["o"])], "t", [], out, [elsewhere(location)]
    )
    with_it.initializer[0].name = "c"
    without = helper.make_graph([node("Add", ["x", "d"], ["o"])], "e", [], out)
    return {
        "node": ([constant, node("Add", ["x", "c"], ["y"])], ()),
        "function": (
            [node("F", ["x"], ["y"], domain="own")],
            [function("F", constant, node("Add", ["a", "c"], ["b"]))],
        ),
        "branch": ([node("If", ["yes"], ["y"], then_branch=with_it, else_branch=without)], ()),
    }


@pytest.mark.parametrize("kind", ["node", "function", "branch"])
def test_data_in_files_is_the_model_folder_s(
    kind: str, save: Save, runs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes, functions = holders("w.bin")[kind]
    path = save(nodes, {"yes": np.array(True), "d": np.zeros(3)}, functions=functions)
    np.array([1.0, 2, 3]).tofile(tmp_path / "w.bin")
    other = tmp_path / "other"
    other.mkdir()
    np.array([9.0, 9, 9]).tofile(other / "w.bin")
    monkeypatch.chdir(other)
    assert pe.load(path)([0.0, 0, 0]).tolist() == [1, 2, 3]
    for outside in (str(other / "w.bin"), "../w.bin", "a\0b", "x" * 5000):
        nodes, functions = holders(outside)[kind]
        path = save(nodes, {"yes": np.array(True), "d": np.zeros(3)}, functions=functions)
        if outside == str(other / "w.bin"):  # in the folder, though its name is whole
            assert pe.load(path)([0.0, 0, 0]).tolist() == [9, 9, 9]
            continue
        with pytest.raises(pe.NetworkError, match="no file of the model's folder"):
            pe.load(path)


def test_data_of_a_branch_that_is_not_taken_is_not_looked_for_elsewhere(
    save: Save, runs: str, tmp_path: Path
) -> None:
    nodes, _ = holders("/etc/hostname")["branch"]
    path = save(nodes, {"yes": np.array(False), "d": np.zeros(3)})
    with pytest.raises(pe.NetworkError, match="no file of the model's folder"):
        pe.load(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_data_that_may_not_be_read(save: Save, tmp_path: Path) -> None:
    nodes, functions = holders("w.bin")["node"]
    np.zeros(3).tofile(tmp_path / "w.bin")
    (tmp_path / "w.bin").chmod(0)
    with pytest.raises(pe.NetworkError, match="cannot be read"):
        pe.load(save(nodes, functions=functions))


def test_what_onnxruntime_takes_but_cannot_run(save: Save) -> None:
    path = save(
        [node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", dilations=[2, 2])],
        {"w": np.ones((1, 1, 2, 2), np.float32)}, shape=(1, 1, 4, 4), kind=TensorProto.FLOAT,
    )  # fmt: skip
    assert pe.load(path).output_dim == 16


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 2, 2, 3), (1, 2, 2, 1, 3)])
def test_the_maximum_over_all_places_of_constants_and_tensors(
    shape: tuple[int, ...], save: Save, runs: str
) -> None:
    c = np.random.default_rng(1).permutation(np.prod(shape)).reshape(shape).astype(np.float32)
    net = pe.load(
        save(
            [
                node("GlobalMaxPool", ["c"], ["g"]),
                node("Mul", ["x", "c"], ["h"]),
                node("F", ["h"], ["k"], domain="own"),
                node("Add", ["g", "k"], ["y"]),
            ],
            {"c": c},
            shape=shape,
            kind=TensorProto.FLOAT,
            functions=[function("F", node("GlobalMaxPool", ["a"], ["b"]))],
        )
    )
    assert (net(np.ones(c.size)) == 2 * c.reshape(2, -1).max(axis=1)).all()


def test_what_the_reference_computes_wrongly_is_refused_on_constants(save: Save) -> None:
    path = save(
        [node("LRN", ["c"], ["g"], size=3), node("Mul", ["x", "g"], ["y"])],
        {"c": np.ones((1, 3, 2, 2), np.float32)}, shape=(1, 3, 2, 2), kind=TensorProto.FLOAT,
    )  # fmt: skip
    with pytest.raises(pe.NetworkError, match=r"LRN.* not supported on constants"):
        pe.load(path, check=False)


@pytest.mark.parametrize("way", ["cast", "like", "branch"])
def test_constants_take_the_type_of_the_tensor_that_they_are_to_be_like(
    way: str, save: Save, runs: str
) -> None:
    """0.1 is another number in half precision, whatever the model's input is."""
    half = {
        "cast": [node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16)],
        "like": [node("CastLike", ["x", "half"], ["h"])],
        "branch": [node("F", ["x"], ["h"], domain="own")],
    }[way]
    nodes = [
        *half,
        node("SequenceConstruct", ["h", "x"], ["both"]),
        node("SequenceAt", ["both", "zero"], ["again"]),
        node("Relu", ["again"], ["r"]),
        node("Identity", ["r"], ["i"]),
        node("CastLike", ["c", "i"], ["d"]),
        node("Cast", ["d"], ["e"], to=TensorProto.DOUBLE),
        node("CastLike", ["c", "x"], ["f"]),
        node("Sum", ["x", "e", "f"], ["y"]),
    ]
    if way != "like":  # sequences hold tensors of one type
        nodes = [n for n in nodes if not n.op_type.startswith("Sequence")]
        nodes[1].input[0] = "h"
    else:
        nodes[1].input[1] = "h"
    cast = function("F", node("Cast", ["a"], ["b"], to=TensorProto.FLOAT16))
    constants = {"c": np.array(0.1), "half": np.array(1, np.float16), "zero": np.array(0)}
    net = pe.load(save(nodes, constants, functions=[cast]))
    assert net(np.zeros(3)).tolist() == [float(np.float16(0.1)) + 0.1] * 3


def test_dropout_that_drops_nothing_is_not_random(save: Save) -> None:
    nodes = [node("Dropout", ["x", "ratio", "training"], ["y"])]
    nothing = {"ratio": np.array(0, np.float32), "training": np.array(True)}
    assert pe.load(save(nodes, nothing))([1.0, 2, 3]).tolist() == [1, 2, 3]
    with pytest.raises(pe.NetworkError, match="random"):
        pe.load(save(nodes, {**nothing, "ratio": np.array(0.5, np.float32)}))


@pytest.mark.parametrize(
    "constants",
    [
        [node("HannWindow", ["five"], ["c"], periodic=0, output_datatype=TensorProto.FLOAT)],
        [
            node("Cos", ["angles"], ["cosine"]),
            node("Mul", ["half", "cosine"], ["wave"]),
            node("Sub", ["half", "wave"], ["c"]),
        ],
    ],
    ids=["window", "by hand"],
)
def test_constants_that_a_model_computes_are_rounded_too(
    constants: list[Any], save: Save, runs: str
) -> None:
    """At the ends a window is 0, or what rounding makes of it."""
    angles = (np.arange(5) * np.pi / 2).astype(np.float32)
    given = {"five": np.array(5), "angles": angles, "half": np.array(0.5, np.float32)}
    path = save(
        [*constants, node("Mul", ["x", "c"], ["y"])], given, shape=(1, 5), kind=TensorProto.FLOAT
    )
    net = pe.load(path)
    assert np.abs(net(np.ones(5)) - [0, 0.5, 1, 0.5, 0]).max() < 1e-6


def test_constants_that_are_read_wrongly_are_found(
    save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyenum.models.onnx import reference

    computed = reference.compute

    def off(made: Any, inputs: Any) -> list[Any]:
        return [x * np.float32(1 + 1e-4) for x in computed(made, inputs)]

    monkeypatch.setattr(reference, "compute", off)
    path = save(
        [node("Cos", ["c"], ["d"]), node("Mul", ["x", "d"], ["y"])],
        {"c": np.ones(3, np.float32)}, kind=TensorProto.FLOAT,
    )  # fmt: skip
    with pytest.raises(pe.NetworkError, match="what was read is not the model"):
        pe.load(path)


def doubled(count: int) -> list[Any]:
    names = ["x", *(f"t{k}" for k in range(count))]
    found = [node("Concat", [a, a], [b], axis=1) for a, b in zip(names, names[1:], strict=False)]
    return [*found, node("Relu", names[-1:], ["y"])]


def called(depth: int) -> list[Any]:
    """Return functions of which each calls the next twice."""
    found = [function(f"F{depth}", node("Relu", ["a"], ["b"]))]
    for k in range(depth):
        calls = [("a", "h"), ("h", "b")]
        found.append(
            function(f"F{k}", *(node(f"F{k + 1}", [a], [b], domain="own") for a, b in calls))
        )
    return found


TOO_LARGE: dict[str, tuple[list[Any], Any, str]] = {
    "concatenations": (doubled(30), (), "elements .* more than 4,194,304"),
    "calls": ([node("F0", ["x"], ["y"], domain="own")], called(18), "nodes in all"),
    "pad": ([node("Pad", ["x", "pads"], ["y"])], (), "elements .* more than 4,194,304"),
    "tile": ([node("Tile", ["x", "many"], ["y"])], (), "elements .* more than 4,194,304"),
    "tiled sums": (
        [node("MatMul", ["x", "dense"], ["h"]), node("Tile", ["h", "often"], ["y"])],
        (),
        "weights in all",
    ),
    "all together": (
        [
            node("Tile", ["x", "some"], ["t0"]),
            *(node("Neg", [f"t{k}"], [f"t{k + 1}"]) for k in range(60)),
            node("Add", ["t60", "x"], ["y"]),
        ],
        (),
        "in all tensors",
    ),
    "constants": (
        [
            node("ConstantOfShape", ["large"], ["t0"]),
            *(node("Neg", [f"t{k}"], [f"t{k + 1}"]) for k in range(40)),
            node("Gather", ["t40", "zero"], ["c"]),
            node("Add", ["c", "x"], ["y"]),
        ],
        (),
        "in all tensors",
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_small_files_take_little_time_and_memory(name: str, save: Save) -> None:
    nodes, functions, message = TOO_LARGE[name]
    constants = {
        "pads": np.array([0, 0, 0, 2**23]), "many": np.array([1, 2**22]), "some": np.array([1, 2**18]),
        "dense": np.ones((200, 300)), "often": np.array([2**12, 1]), "large": np.array([2**23]),
        "zero": np.array(0),
    }  # fmt: skip
    shape = (1, 200) if name == "tiled sums" else (1, 3)
    path = save(nodes, constants, shape=shape, functions=functions)
    start = time.process_time()
    with pytest.raises(pe.NetworkError, match=message):
        pe.load(path)
    assert time.process_time() - start < 20


def test_where_memory_ends_the_size_is_said(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    from polyenum.models.onnx import graph, readers

    path = save([node("Relu", ["x"], ["y"])])

    def no_more(*_: Any, **__: Any) -> Any:
        raise MemoryError

    for holder, name, value in (
        (graph, "lower", no_more),
        (graph, "compare", no_more),
        (readers, "READERS", None),
    ):
        with monkeypatch.context() as patch:
            if value is None:
                patch.setitem(readers.READERS, "Relu", readers.Reader((0,), no_more))
            else:
                patch.setattr(holder, name, value)
            with pytest.raises(pe.NetworkError, match="the memory does not suffice"):
                pe.load(path)


LEAST = np.array(-np.inf)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("Where", ["mask", "x", "least"], ["h"]), node("ReduceMax", ["h"], ["y"], axes=[1])], 3),
        ([node("Neg", ["least"], ["most"]), node("Where", ["mask", "x", "most"], ["h"]),
          node("Transpose", ["h"], ["k"], perm=[1, 0]), node("ReduceMin", ["k"], ["y"], axes=[0])], 1),
        ([node("Pad", ["x", "pads", "least"], ["h"]), node("Unsqueeze", ["h", "zero"], ["k"]),
          node("MaxPool", ["k"], ["l"], kernel_shape=[2], strides=[2]), node("ReduceMax", ["l"], ["y"])], 3),
    ],
    ids=["mask", "minimum", "padding"],
)  # fmt: skip
def test_a_maximum_leaves_out_what_is_never_the_largest(
    nodes: list[Any], expected: float, save: Save, runs: str
) -> None:
    constants = {
        "mask": np.array([[True, False, True]]), "least": LEAST, "pads": np.array([0, 1, 0, 0]),
        "zero": np.array([0]),
    }  # fmt: skip
    path = save(nodes, constants)
    assert np.ravel(pe.load(path)([1.0, 2.0 if expected == 1 else 2.5, 3.0])).tolist() == [expected]


def test_what_is_infinite_elsewhere_is_named(save: Save) -> None:
    where = node("Where", ["mask", "x", "least"], ["h"])
    constants = {"mask": np.array([[True, False, True]]), "least": LEAST}
    with pytest.raises(pe.NetworkError, match=r"-inf, not finite; a padding or a mask"):
        pe.load(save([where, node("Relu", ["h"], ["y"])], constants))
    constants["mask"] = np.zeros((1, 3), bool)
    with pytest.raises(pe.NetworkError, match=r"node 2 .*all of which it takes the largest"):
        pe.load(save([where, node("Concat", ["h", "x"], ["k"], axis=0),
                      node("ReduceMax", ["k"], ["y"], axes=[1])], constants))  # fmt: skip


@pytest.mark.parametrize("opset", [13, 17])
def test_parts_without_elements(opset: int, save: Save, runs: str) -> None:
    nodes = [
        node("Slice", ["x", "two", "two", "one"], ["nothing"]),
        node("Split", ["x", "lengths"], ["a", "none", "b"], axis=1),
        node("Relu", ["a"], ["r"]),
        node("Concat", ["nothing", "r", "none", "b"], ["y"], axis=1),
    ]
    constants = {"one": np.array([1]), "two": np.array([2]), "lengths": np.array([2, 0, 1])}
    path = save(nodes, constants, opset=opset)
    assert pe.load(path)([-1.0, 2.0, -3.0]).tolist() == [0, 2, -3]
