"""What ONNX files may hold beyond single operators: versions, constants, functions, inputs, sizes, attacks."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import polyenum as pe
from polyenum.models import activations as pieces
from polyenum.models import operators as op
from polyenum.models.onnx import file as onnx_file
from polyenum.models.onnx import readers as onnx_readers
from polyenum.models.onnx import sizes

RANDOM = np.random.default_rng(7)


def node(kind: str, *inputs: str, out: str = "y", **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), out.split(), **attributes)


def numbers(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def saved(
    path: Path, nodes: list[Any], constants: dict[str, Any], *, opset: int = 18,
    inputs: dict[str, Any] | None = None, outputs: tuple[str, ...] = ("y",), functions: Any = (),
) -> Path:  # fmt: skip
    """Save a model; its input is ``x`` of shape (1, 3) where none is named."""
    tensors = [
        numpy_helper.from_array(
            np.asarray(v, np.float32) if np.asarray(v).dtype.kind == "f" else np.asarray(v), name
        )
        for name, v in constants.items()
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
            for n, s in (inputs or {"x": (1, 3)}).items()
        ],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        tensors,
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    made = helper.make_model(graph, opset_imports=imports, ir_version=8, functions=functions)
    onnx.save(made, path)
    return path


def same_as_onnxruntime(path: Path, shape: tuple[int, ...], **options: Any) -> Any:
    net = pe.load(path, **options)
    session = onnxruntime.InferenceSession(path.read_bytes())
    for _ in range(4):
        x = RANDOM.normal(scale=2, size=shape).astype(np.float32)
        expected = session.run(None, {"x": x})[0].ravel()
        np.testing.assert_allclose(net(x.ravel().astype(float)), expected, rtol=2e-4, atol=2e-5)
    return net


@pytest.mark.parametrize("to", ["INT64", "INT8", "BOOL", "UINT8", "BFLOAT16", "FLOAT8E4M3FN"])
def test_casts_that_round_are_refused_by_name(to: str, tmp_path: Path) -> None:
    kind = TensorProto.DataType.Value(to)
    nodes = [node("Cast", "x", out="i", to=kind), node("Cast", "i", to=TensorProto.FLOAT)]
    with pytest.raises(pe.NetworkError, match=rf"Cast.*{to}.*rounds"):
        pe.load(saved(tmp_path / "m.onnx", nodes, {}, opset=19), check=False)


def test_casts_of_constants_are_computed(tmp_path: Path) -> None:
    nodes = [
        node("Cast", "w", out="i", to=TensorProto.INT64),
        node("Cast", "i", out="f", to=TensorProto.FLOAT),
        node("Add", "x", "f"),
    ]
    net = pe.load(saved(tmp_path / "m.onnx", nodes, {"w": [-1.75, 0.5, 2.25]}))
    np.testing.assert_array_equal(net(np.zeros(3)), [-1, 0, 2])


UNARY_ON_CONSTANTS = ["Abs", "Ceil", "Clip", "Exp", "Floor", "Neg", "Reciprocal", "Relu"]
UNARY_ON_CONSTANTS += ["Round", "Sign", "Sqrt", "Tanh"]


@pytest.mark.parametrize("kind", UNARY_ON_CONSTANTS)
def test_nodes_on_constants(kind: str, tmp_path: Path) -> None:
    nodes = [node(kind, "w", out="v"), node("MatMul", "x", "v", out="h"), node("Relu", "h")]
    path = saved(tmp_path / "m.onnx", nodes, {"w": np.abs(numbers(3, 4)) + 0.1})
    net = same_as_onnxruntime(path, (1, 3))
    assert net.input_dim == 3
    assert net.unit_count == 4


def test_comparisons_and_shapes_on_constants(tmp_path: Path) -> None:
    nodes = [
        node("Greater", "w", "zero", out="g"),
        node("Not", "g", out="n"),
        node("Where", "n", "x", "w", out="a"),
        node("Size", "x", out="s"),
        node("Cast", "s", out="f", to=TensorProto.FLOAT),
        node("Pow", "f", "two", out="p"),
        node("ReduceL2", "w", out="l", keepdims=0),
        node("Mul", "p", "l", out="q"),
        node("Add", "a", "q"),
    ]
    constants = {"w": [[-1.0, 2.0, -3.0]], "zero": 0.0, "two": 2.0}
    same_as_onnxruntime(saved(tmp_path / "m.onnx", nodes, constants), (1, 3))


# Nodes, constants, operator set, the input's shape.
MORE: dict[str, tuple] = {
    "sum, no axes, none wanted": ([node("ReduceSum", "x", noop_with_empty_axes=1)], {}, 13, (1, 3)),
    "sum, axes empty": ([node("ReduceSum", "x", "a")], {"a": np.zeros(0, np.int64)}, 13, (1, 3)),
    "sum, axes empty, kept as it is": (
        [node("ReduceSum", "x", "a", noop_with_empty_axes=1)], {"a": np.zeros(0, np.int64)}, 13, (1, 3)),
    "mean, attribute": ([node("ReduceMean", "x", axes=[-1], keepdims=0)], {}, 13, (1, 2, 3)),
    "mean, input": ([node("ReduceMean", "x", "a", keepdims=0)], {"a": [0, 2]}, 18, (2, 2, 3)),
    "L1": ([node("ReduceL1", "x", "a")], {"a": [1]}, 18, (1, 2, 3)),
    "max of all": ([node("ReduceMax", "x", keepdims=0)], {}, 18, (1, 3)),
    "batched product": ([node("MatMul", "x", "w")], {"w": numbers(2, 3, 4)}, 13, (2, 1, 3)),
    "batched product from the left": ([node("MatMul", "w", "x")], {"w": numbers(3, 1, 2, 2)}, 13, (2, 2, 3)),
    "product adds an axis": ([node("MatMul", "x", "w")], {"w": numbers(1, 1, 3, 2)}, 13, (1, 3)),
    "vector from the left": ([node("MatMul", "w", "x")], {"w": numbers(3)}, 13, (2, 3, 2)),
    "Einsum": ([node("Einsum", "x", "w", equation="bij,jk->bki")], {"w": numbers(3, 4)}, 13, (2, 2, 3)),
    "Einsum, ellipsis": ([node("Einsum", "w", "x", equation="...ij,...jk")],
                         {"w": numbers(2, 2, 3)}, 13, (2, 3, 2)),
    "CumSum": ([node("CumSum", "x", "a", exclusive=1, reverse=1)], {"a": 1}, 14, (1, 2, 3)),
    "nearest": ([node("Resize", "x", "", "s", mode="nearest", nearest_mode="ceil")],
                {"s": [1.0, 1.0, 2.5]}, 13, (1, 1, 4)),
    "linear": ([node("Resize", "x", "", "s", mode="linear",
                     coordinate_transformation_mode="align_corners")],
               {"s": [1.0, 1.0, 2.0, 3.0]}, 13, (1, 2, 3, 2)),
    "cubic to sizes": ([node("Resize", "x", "", "", "n", mode="cubic",
                             coordinate_transformation_mode="asymmetric")],
                       {"n": [1, 1, 5, 7]}, 13, (1, 1, 4, 4)),
    "Upsample": ([node("Upsample", "x", "s", mode="nearest")], {"s": [1.0, 1.0, 2.0, 2.0]}, 9, (1, 2, 2, 2)),
    "DepthToSpace": ([node("DepthToSpace", "x", blocksize=2, mode="CRD")], {}, 13, (1, 8, 2, 2)),
    "GatherElements": ([node("GatherElements", "x", "i", axis=1)], {"i": [[2, -3]]}, 13, (1, 3)),
    "ScatterND adds": ([node("ScatterND", "x", "i", "u", reduction="add")],
                       {"i": [[0, 1], [0, 1], [0, -1]], "u": [1.0, 2.0, 4.0]}, 16, (1, 3)),
    "ScatterElements, largest": ([node("ScatterElements", "w", "i", "x", axis=1, reduction="max")],
                                 {"i": [[1, 1, 0]], "w": [[0.25, 0.5, 0.75]]}, 18, (1, 3)),
    "batch of convolutions": ([node("Conv", "x", "w")], {"w": numbers(2, 1, 2, 2)}, 13, (3, 1, 3, 3)),
    "ConvTranspose, uneven": ([node("ConvTranspose", "x", "w", "b", strides=[2], pads=[1, 0], output_padding=[1])],
                              {"w": numbers(2, 1, 3), "b": numbers(1)}, 13, (1, 2, 4)),
    **{
        f"ConvTranspose, {auto}, output shape {n}": (
            [node("ConvTranspose", "x", "w", "b", strides=[2], auto_pad=auto, output_shape=[n])],
            {"w": numbers(2, 1, 4), "b": numbers(1)}, 13, (1, 2, 4))
        for auto in ("SAME_LOWER", "SAME_UPPER", "NOTSET") for n in (7, 8)
    },
    "ConvTranspose, SAME_LOWER": ([node("ConvTranspose", "x", "w", strides=[2], auto_pad="SAME_LOWER")],
                                  {"w": numbers(2, 1, 3)}, 13, (1, 2, 4)),
    "Conv, SAME_LOWER": ([node("Conv", "x", "w", auto_pad="SAME_LOWER")], {"w": numbers(1, 2, 4)}, 13, (1, 2, 5)),
    "sequence": ([node("SplitToSequence", "x", "n", out="s", axis=1), node("SequenceAt", "s", "one")],
                 {"n": [1, 2], "one": 1}, 13, (1, 3)),
    "CastLike": ([node("CastLike", "w", "x", out="v"), node("Mul", "x", "v")], {"w": [1, 2, 3]}, 15, (1, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_more_operators(name: str, tmp_path: Path) -> None:
    nodes, constants, opset, shape = MORE[name]
    path = saved(tmp_path / "m.onnx", nodes, constants, opset=opset, inputs={"x": shape})
    same_as_onnxruntime(path, shape, input_shape=shape)


def test_old_broadcasting_goes_along_the_axis(tmp_path: Path) -> None:
    """Versions below 7: a number for each channel, also where the width is the number of channels."""
    shape, path = (1, 2, 1, 2), tmp_path / "m.onnx"
    for nodes, expected in (
        ([node("Add", "x", "b", broadcast=1, axis=1)], [11, 12, 23, 24]),
        ([node("Mul", "x", "b", broadcast=1, axis=1)], [10, 20, 60, 80]),
        ([node("Add", "x", "b", broadcast=1)], [11, 22, 13, 24]),
        ([node("Neg", "x", out="n"), node("PRelu", "n", "b")], [-10, -20, -60, -80]),
    ):
        saved(path, nodes, {"b": [10.0, 20.0]}, opset=6, inputs={"x": shape})
        np.testing.assert_array_equal(pe.load(path)([1.0, 2.0, 3.0, 4.0]), expected)
    saved(path, [node("Add", "x", "b")], {"b": [10.0, 20.0]}, opset=6, inputs={"x": shape})
    with pytest.raises(pe.NetworkError, match="broadcast=1 is not set"):
        pe.load(path)
    saved(path, [node("Dropout", "x")], {}, opset=6)
    with pytest.raises(pe.NetworkError, match="training mode"):
        pe.load(path)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = [
        node("Sub", "a", "b", out="d"),
        node("Relu", "d", out="r"),
        node("Concat", "a", "b", out="c", axis=1),
    ]
    inputs = {"a": (1, 2), "b": (1, 1)}
    path = saved(tmp_path / "m.onnx", nodes, {}, inputs=inputs, outputs=("r", "c"))
    np.testing.assert_array_equal(pe.load(path)([5, 1, 2]), [3, 0, 5, 1, 2])
    np.testing.assert_array_equal(pe.load(path, inputs=["b", 0])([2, 5, 1]), [3, 0, 5, 1, 2])
    np.testing.assert_array_equal(pe.load(path, outputs=["c"])([5, 1, 2]), [5, 1, 2])
    np.testing.assert_array_equal(pe.load(path, outputs=[-1, "r"])([5, 1, 2]), [5, 1, 2, 3, 0])
    for options, message in (
        ({"inputs": ["a"]}, "leaves out 'b', which the outputs need"),
        ({"inputs": ["z"]}, "there is no 'z'; there are 2: 'a', 'b'"),
        ({"outputs": [2]}, "there is no 2"),
        ({"outputs": ["r", "r"]}, "once"),
        ({"outputs": []}, "must be a list of names or positions"),
        ({"input_shape": (2,)}, "for each of the 2 inputs .'a', 'b'.*found 1"),
        ({"input_shape": {"q": (2,)}}, "'q'"),
    ):
        with pytest.raises(pe.OptionError, match=message):
            pe.load(path, **options)


def test_a_second_output_need_not_be_piecewise_linear(tmp_path: Path) -> None:
    nodes = [
        node("Relu", "x", out="r"),
        node("Det", "m", out="d"),
        node("Reshape", "x", "s", out="m"),
    ]
    nodes = [nodes[0], nodes[2], nodes[1]]
    path = saved(tmp_path / "m.onnx", nodes, {"s": [1, 1, 3]}, outputs=("r", "d"))
    assert pe.load(path, outputs=["r"]).output_dim == 3
    with pytest.raises(pe.NetworkError, match=r"\(Det\)"):
        pe.load(path)


@pytest.mark.parametrize("number", [-np.inf, np.inf, np.nan])
def test_numbers_that_are_not_finite(tmp_path: Path, number: float) -> None:
    """A maximum leaves -inf out, a minimum inf; all else is refused, also where a 0 is multiplied with it."""
    path = tmp_path / "m.onnx"
    constants = {"c": np.full((1, 2), number, np.float32), "z": np.zeros((5, 1), np.float32)}
    joined = node("Concat", "x", "c", out="j", axis=1)
    for kind, least in (("ReduceMax", -np.inf), ("ReduceMin", np.inf)):
        saved(path, [joined, node(kind, "j", axes=[1])], constants, opset=13)
        if number == least:
            same_as_onnxruntime(path, (1, 3))
            continue
        with pytest.raises(pe.NetworkError, match="not finite"):
            pe.load(path, check=False)
    for last in (
        node("Identity", "j"),
        node("Relu", "j"),
        node("MatMul", "j", "z"),
        node("Add", "j", "j"),
        node("ReduceSum", "j"),
    ):
        saved(path, [joined, last], constants)
        with pytest.raises(pe.NetworkError, match="not finite"):
            pe.load(path, check=False)


def test_a_column_is_no_batch(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "m.onnx", [node("MatMul", "w", "x")], {"w": numbers(3, 2)}, inputs={"x": (2, 1)}
    )
    assert same_as_onnxruntime(path, (2, 1)).input_dim == 2
    saved(path, [node("Relu", "x")], {}, inputs={"x": (4, 3)})
    with pytest.raises(pe.NetworkError, match=r"\(3,\) for one of it.*\(4, 3\)"):
        pe.load(path)
    assert pe.load(path, input_shape=(3,)).input_dim == 3
    assert pe.load(path, input_shape=(4, 3)).input_dim == 12


@pytest.mark.parametrize(
    ("shape", "given", "taken"),
    [
        ((1, 4), (4,), (1, 4)),
        ((1, 4), (1, 4), (1, 4)),
        ((1, 4), (6,), None),
        ((1, 4), (1, 6), None),
        ((1, 4), (1, 1, 4), None),
        ((4,), (4,), (4,)),
        ((4,), (6,), None),
        (("n",), (6,), (6,)),
        (("batch", "n"), (6,), (1, 6)),
        (("batch", "n"), (2, 3), (2, 3)),
        (("batch", 3, "n"), (3, 5), (1, 3, 5)),
        (("batch", 3, "n"), (2, 5), None),
        (("batch", 3, "n"), (1, 3, 5), (1, 3, 5)),
        ((), (), ()),
        ((), (2,), None),
        (None, (6,), (1, 6)),
    ],
)
def test_only_what_the_model_leaves_open_can_be_given(
    shape: Any, given: tuple[int, ...], taken: Any, tmp_path: Path
) -> None:
    """A mean over all inputs is another network for another shape, and no runtime would take it."""
    nodes = [node("Relu", "x", out="r"), node("ReduceMean", "r", keepdims=0)]
    path = saved(tmp_path / "m.onnx", nodes, {}, opset=13, inputs={"x": shape})
    if taken is None:
        with pytest.raises(
            pe.NetworkError, match=r"'x' has shape \(.*\) in the model, which"
        ) as no:
            pe.load(path, input_shape=given)
        assert f"input_shape={given} does not fit" in str(no.value)
    else:
        same_as_onnxruntime(path, taken, input_shape=given)


def test_titles_are_said_once(tmp_path: Path) -> None:
    for nodes, constants in (
        ([node("MatMul", "x", "w")], {"w": numbers(4, 2)}),
        ([node("Add", "x", "w")], {"w": numbers(4)}),
        ([node("Expand", "x", "s")], {"s": [10**9, 3]}),
        ([node("Reshape", "x", "s")], {"s": [7]}),
        ([node("Concat", "x", "w", axis=5)], {"w": numbers(1, 2)}),
    ):
        with pytest.raises(pe.NetworkError) as refusal:
            pe.load(saved(tmp_path / "m.onnx", nodes, constants))
        kind = nodes[0].op_type
        assert str(refusal.value).count(f"node 0 ({kind})") == 1
        assert len(str(refusal.value)) < 400


def test_packed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saved(tmp_path / "m.onnx", [node("Relu", "x")], {}).read_bytes()
    path = tmp_path / "m.onnx.gz"
    path.write_bytes(gzip.compress(whole))
    assert pe.load(path).input_dim == 3
    path.write_bytes(gzip.compress(whole)[:-9])
    with pytest.raises(pe.NetworkError, match="damaged"):
        pe.load(path)
    path.write_bytes(b"no gzip at all")
    with pytest.raises(pe.NetworkError, match="not a gzip file"):
        pe.load(path)
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 10_000_000)
    path.write_bytes(gzip.compress(bytes(30_000_000)))
    with pytest.raises(pe.NetworkError, match="unpacks to more"):
        pe.load(path)


def own_function(name: str, body: list[Any]) -> Any:
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], body, imports)


def test_functions_of_the_model(tmp_path: Path) -> None:
    leaky = helper.make_node("LeakyRelu", ["a"], ["h"])
    leaky.attribute.append(
        onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    )
    body = [leaky, node("Neg", "h", out="b")]
    function = helper.make_function(
        "own", "Own", ["a"], ["b"], body, [helper.make_opsetid("", 18)], attributes=["slope"]
    )
    nodes = [helper.make_node("Own", ["x"], ["y"], domain="own", slope=0.25)]
    net = same_as_onnxruntime(saved(tmp_path / "m.onnx", nodes, {}, functions=[function]), (1, 3))
    np.testing.assert_array_equal(net([-4.0, 0.0, 2.0]), [1, 0, -2])


def test_functions_that_never_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "MOST_NODES", 2000)
    itself = own_function("Loop", [helper.make_node("Loop", ["a"], ["b"], domain="own")])
    # Each calls the next ten times: 10**16 nodes.
    tower = [
        own_function(f"F{k}", [
            helper.make_node(f"F{k + 1}" if k < 15 else "Relu", ["a" if i == 0 else f"t{i - 1}"],
                             ["b" if i == 9 else f"t{i}"], domain="own" if k < 15 else "")
            for i in range(10)])
        for k in range(16)
    ]  # fmt: skip
    for name, functions, message in (
        ("Loop", [itself], "calls itself"),
        ("F0", tower, "nodes in all"),
    ):
        nodes = [helper.make_node(name, ["x"], ["y"], domain="own")]
        path = saved(tmp_path / "m.onnx", nodes, {}, functions=functions)
        with pytest.raises(pe.NetworkError, match=message):
            pe.load(path)


def test_branches_with_a_constant_condition(tmp_path: Path) -> None:
    def branch(kind: str) -> Any:
        return helper.make_graph(
            [node(kind, "x", out="z")], kind, [],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        )  # fmt: skip

    for condition, expected in ((True, [0, 2]), (False, [3, 2])):
        nodes = [node("If", "c", then_branch=branch("Relu"), else_branch=branch("Abs"))]
        path = saved(tmp_path / "m.onnx", nodes, {"c": np.array(condition)}, inputs={"x": (1, 2)})
        np.testing.assert_array_equal(pe.load(path)([-3.0, 2.0]), expected)


def test_branches_of_functions_have_their_attributes_and_operator_sets(tmp_path: Path) -> None:
    """Inside of a function's branch an attribute is the function's, and so is the operator set."""

    def branch(made: Any, *more: Any) -> Any:
        ends = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
        return helper.make_graph([made, *more], made.op_type, [], ends)

    leaky = node("LeakyRelu", "a", out="z")
    leaky.attribute.append(
        onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    )
    # Of operator set 13 the axes are an attribute; of 18, the model's, they are not.
    mean = node("ReduceMean", "a", out="z", axes=[1])
    true = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True)))
    deep = branch(node("If", "c", out="z", then_branch=branch(leaky), else_branch=branch(mean)))
    for inner, expected in ((branch(leaky), [-1, 3]), (branch(mean), [-0.5]), (deep, [-1, 3])):
        other = branch(node("Neg", "a", out="z"))
        body = [true, node("If", "c", out="b", then_branch=inner, else_branch=other)]
        function = helper.make_function(
            "own", "Own", ["a"], ["b"], body, [helper.make_opsetid("", 13)], attributes=["slope"]
        )
        nodes = [helper.make_node("Own", ["x"], ["y"], domain="own", slope=0.25)]
        path = saved(tmp_path / "m.onnx", nodes, {}, inputs={"x": (1, 2)}, functions=[function])
        np.testing.assert_array_equal(pe.load(path, check=False)([-4.0, 3.0]), expected)


def test_a_node_may_have_any_number_of_inputs(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.onnx", [node("Concat", *["x"] * 1200, axis=1)], {})
    assert pe.load(path).output_dim == 3600


def test_what_is_read_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is wrong is found out by the model itself."""
    path = saved(
        tmp_path / "m.onnx",
        [node("MatMul", "x", "w", out="h"), node("Relu", "h")],
        {"w": numbers(3, 2)},
    )
    wrong = onnx_readers.Reader((0,), lambda n, x: op.activate(x, pieces.ABS, n.title))
    monkeypatch.setitem(onnx_readers.READERS, "Relu", wrong)
    with pytest.raises(pe.NetworkError, match=r"is not the model.*differs by.*at the point"):
        pe.load(path)
    assert pe.load(path, check=False).output_dim == 2


def test_without_onnxruntime_the_reference_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    path = saved(tmp_path / "m.onnx", [node("Relu", "x")], {})
    wrong = onnx_readers.Reader((0,), lambda n, x: op.activate(x, pieces.ABS, n.title))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert pe.load(path).output_dim == 3
    monkeypatch.setitem(onnx_readers.READERS, "Relu", wrong)
    with pytest.raises(pe.NetworkError, match="is not the model"):
        pe.load(path)


def test_output_activations_are_left_out_of_the_comparison(tmp_path: Path) -> None:
    nodes = [
        node("Relu", "x", out="r"),
        node("MatMul", "r", "w", out="h"),
        node("Softmax", "h", out="s"),
        node("Flatten", "s", out="f"),
    ]
    path = saved(tmp_path / "m.onnx", nodes, {"w": numbers(3, 2)}, outputs=("f", "r"))
    with pytest.warns(UserWarning, match="Softmax"):
        assert pe.load(path, ignore_output_activation=True).output_dim == 5


def test_layers_that_are_too_large_are_refused_before_any_work(tmp_path: Path) -> None:
    nodes = [node("Conv", "x", "v", out="h", pads=[1] * 4), node("Relu", "h", out="r"),
             node("Conv", "r", "w", pads=[1] * 4)]  # fmt: skip
    constants = {"v": numbers(64, 3, 3, 3), "w": numbers(64, 64, 3, 3)}
    path = saved(tmp_path / "m.onnx", nodes, constants, inputs={"x": (1, 3, 64, 64)})
    start = time.process_time()
    with pytest.raises(pe.NetworkError, match=r"node 2 \(Conv\).*150,994,944 weights"):
        pe.load(path)
    assert time.process_time() - start < 1


def outside(path: Path) -> None:
    """Make a constant node whose numbers lie in a file outside of the model's folder."""
    made = onnx.load(path)
    tensor = made.graph.node[0].attribute[0].t
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    onnx.save(made, path)


def test_constants_may_not_lie_outside(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(numbers(3).tobytes())
    (tmp_path / "inner").mkdir()
    nodes = [
        node("Constant", out="c", value=numpy_helper.from_array(numbers(3))),
        node("Add", "x", "c"),
    ]
    path = saved(tmp_path / "inner" / "m.onnx", nodes, {})
    assert pe.load(path).output_dim == 3
    outside(path)
    with pytest.raises(pe.NetworkError, match="no file of the model's folder"):
        pe.load(path)


HUGE: dict[str, tuple] = {
    "Tile": ([node("Tile", "c", "n", out="h")], {"c": [1.0, 2.0], "n": [10**10]}),
    "OneHot": ([node("OneHot", "i", "n", "c", out="h")], {"i": [1, 2], "n": 10**11, "c": [0.0, 1.0]}),
    "product": ([node("Einsum", "c", "c", "c", out="h", equation="a,b,c->abc")], {"c": np.ones(5000)}),
    "outer sum": ([node("Add", "c", "d", out="h")], {"c": np.ones((30_000, 1)), "d": np.ones(30_000)}),
    "window": ([node("HannWindow", "n", out="h")], {"n": 10**11}),
    "pads": ([node("Pad", "c", "n", out="h")], {"c": [1.0, 2.0], "n": [10**10, 0]}),
    "conv pads": ([node("Conv", "c", "w", out="h", pads=[10**9, 10**9], strides=[10**9])],
                  {"c": np.ones((1, 1, 4)), "w": np.ones((1, 1, 2))}),
    "resize": ([node("Resize", "c", "", "s", out="h")], {"c": np.ones(8), "s": [1e9]}),
    "unpool": ([node("MaxUnpool", "c", "i", "n", out="h", kernel_shape=[1, 1])],
               {"c": np.ones((1, 1, 2, 2)), "i": np.zeros((1, 1, 2, 2), np.int64), "n": [1, 1, 10**4, 10**4]}),
    "tensor axes": ([node("CenterCropPad", "c", "n", out="h")], {"c": np.ones((1, 1)), "n": [10**6, 10**6]}),
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_small_files_make_nothing_huge(name: str, tmp_path: Path) -> None:
    import tracemalloc

    nodes, constants = HUGE[name]
    nodes = [*nodes, node("ReduceSum", "h", out="t"), node("Add", "x", "t")]
    path = saved(tmp_path / "m.onnx", nodes, constants)
    tracemalloc.start()
    try:
        try:
            pe.load(path)
        except pe.NetworkError:
            refused = True
        else:
            refused = False
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 * 2**20
    assert refused or name == "conv pads"


def test_many_units_on_one_input_load_in_a_moment(tmp_path: Path) -> None:
    n = 20_000
    nodes = [
        node("Gemm", "x", "w", "b", out="h"),
        node("Relu", "h", out="r"),
        node("MatMul", "r", "v"),
    ]
    constants = {"w": numbers(1, n), "b": numbers(n), "v": numbers(n, 1)}
    path = saved(tmp_path / "m.onnx", nodes, constants, inputs={"x": (1, 1)})
    start = time.process_time()
    assert pe.load(path).unit_count == n
    assert time.process_time() - start < 2


LAYER = node("Gemm", "x", "w", "b", out="h")
WEIGHTS = {
    "w": numbers(3, 4),
    "b": numbers(4),
    "zero": 0.0,
    "tenth": 0.1,
    "two": 2.0,
    "six": 6.0,
    "one": 1.0,
}
STEP = node("Cast", "m", out="s", to=TensorProto.FLOAT)
SLOPE = node("Mul", "h", "tenth", out="l")

# Each chooses by a condition on the layer h.
CHOICES: dict[str, list[Any]] = {
    "leaky": [node("Greater", "h", "zero", out="m"), SLOPE, node("Where", "m", "h", "l")],
    "leaky, less": [node("Less", "h", "zero", out="m"), SLOPE, node("Where", "m", "l", "h")],
    "leaky, not": [node("Less", "h", "zero", out="n"), node("Not", "n", out="m"), SLOPE,
                   node("Where", "m", "h", "l")],
    "constant first": [node("GreaterOrEqual", "zero", "h", out="m"), SLOPE, node("Where", "m", "l", "h")],
    "a bound that is no power of two": [node("Greater", "h", "tenth", out="m"), SLOPE,
                                        node("Where", "m", "h", "l")],
    "jump": [node("LessOrEqual", "h", "two", out="m"), node("Where", "m", "h", "six")],
    "mask times layer": [node("Greater", "h", "zero", out="m"), STEP, node("Mul", "s", "h")],
    "layer times mask": [node("Less", "h", "tenth", out="m"), STEP, node("Mul", "h", "s")],
    "mask as numbers": [node("Greater", "h", "tenth", out="m"), STEP, node("Mul", "s", "two", out="t"),
                        node("Add", "t", "h")],
    "the output is a mask": [node("Greater", "h", "tenth", out="m"),
                             node("Cast", "m", to=TensorProto.FLOAT)],
    "sides differ by a multiple": [node("Relu", "h", out="r"), node("Add", "r", "h", out="q"),
                                   node("Greater", "h", "tenth", out="m"), node("Where", "m", "q", "r")],
    "two layers": [node("Gemm", "x", "w", out="g"), node("Relu", "g", out="r"), node("Greater", "h", "r", out="m"),
                   node("Where", "m", "one", "two")],
    "more axes": [node("Greater", "h", "b3", out="m"), node("Where", "m", "h", "b3")],
}  # fmt: skip


@pytest.mark.parametrize("name", CHOICES)
def test_conditions_on_the_input_are_activations(name: str, tmp_path: Path) -> None:
    constants = {**WEIGHTS, "b3": numbers(2, 1, 1)}
    path = saved(tmp_path / "m.onnx", [LAYER, *CHOICES[name]], constants)
    net = same_as_onnxruntime(path, (1, 3))
    assert net.unit_count >= 4
    assert net.has_jumps == (name not in {"leaky", "leaky, less", "leaky, not", "constant first",
                                          "mask times layer", "more axes"})  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "at_zero"), [("Greater", 2), ("GreaterOrEqual", 1), ("Less", 2), ("LessOrEqual", 1)]
)
def test_conditions_say_what_is_true_at_their_bound(
    kind: str, at_zero: float, tmp_path: Path
) -> None:
    """What is compared may equal its bound on a whole region."""
    nodes = [
        node("Relu", "x", out="r"),
        node(kind, "r", "zero", out="m"),
        node("Where", "m", "one", "two"),
    ]
    constants = {"zero": 0.0, "one": 1.0, "two": 2.0}
    net = same_as_onnxruntime(saved(tmp_path / "m.onnx", nodes, constants), (1, 3))
    np.testing.assert_array_equal(net([-1.0, -2.0, 0.0]), [at_zero] * 3)


def test_a_leaky_relu_in_parts_is_one(tmp_path: Path) -> None:
    """Its slopes are those that the model says, not sums of others."""
    nodes = [LAYER, *CHOICES["leaky"]]
    net = pe.load(saved(tmp_path / "m.onnx", nodes, WEIGHTS))
    table = net.stages[0].activation
    np.testing.assert_array_equal(table.slopes.reshape(4, 2), [[np.float32(0.1), 1.0]] * 4)
    assert net.unit_count == 4


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Mul", "x", "t", out="l"), node("Where", "m", "x", "l", out="k"),
          node("Reshape", "m", "f", out="n"), node("Where", "n", "x", "k")], "Reshape.*only in Where"),
        ([node("Where", "m", "x", "q")], "Where.*multiples of what it compares"),
        ([node("If", "m", then_branch=0, else_branch=0)], "depends on the input"),
        ([node("Not", "m", out="y")], "'y' is a condition"),
        ([node("Cast", "m", out="s", to=TensorProto.FLOAT), node("Mul", "s", "q")],
         "multiples of what it compares"),
        ([node("Where", "m", "x", "inf")], "not finite"),
        ([node("And", "m", "m", out="n"), node("Where", "n", "x", "t")], "And.*only in Where"),
    ],
)  # fmt: skip
def test_other_uses_of_conditions_are_refused(
    nodes: list[Any], message: str, tmp_path: Path
) -> None:
    for made in nodes:
        if made.op_type == "If":
            del made.attribute[:]
            ends = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
            graph = helper.make_graph([node("Relu", "x", out="z")], "g", [], ends)
            for name in ("then_branch", "else_branch"):
                made.attribute.append(helper.make_attribute(name, graph))
    before = [node("Greater", "x", "t", out="m"), node("MatMul", "x", "w", out="q")]
    constants = {"t": 0.5, "w": numbers(3, 3), "f": [1, 3], "inf": np.inf}
    with pytest.raises(pe.NetworkError, match=message):
        pe.load(saved(tmp_path / "m.onnx", [*before, *nodes], constants), check=False)


def with_constant_inputs() -> list[tuple[str, int, int, int]]:
    """Return operators of which some input must be constant: an operator set, the first such, and how many."""
    found = []
    for kind, reader in onnx_readers.READERS.items():
        version = 9 if kind in ("Scatter", "Upsample") else onnx.defs.onnx_opset_version()
        try:
            schema = onnx.defs.get_schema(kind, version)
        except onnx.defs.SchemaError:  # of a newer onnx
            continue
        count = min(schema.max_input, 10)
        first = next((k for k in range(count) if k not in reader.variable), None)
        if first is not None:
            found.append((kind, version, first, max(schema.min_input, first + 1)))
    return found


@pytest.mark.parametrize(("kind", "version", "first", "count"), with_constant_inputs())
def test_inputs_that_must_be_constant(
    kind: str, version: int, first: int, count: int, tmp_path: Path
) -> None:
    """A weight, a shape or a bound that depends on the input is refused before a reader sees it."""
    more = {"kernel_shape": [1]} if kind == "MaxUnpool" else {}
    path = saved(tmp_path / "m.onnx", [node(kind, *["x"] * count, **more)], {}, opset=version)
    with pytest.raises(pe.NetworkError, match=f"{kind}.*its input {first} must not depend"):
        pe.load(path, check=False)


def test_operators_that_are_not_piecewise_linear_are_ones_of_onnx(tmp_path: Path) -> None:
    known = {schema.name for schema in onnx.defs.get_all_schemas()} | {"Swish"}
    assert known >= onnx_readers.NOT_PIECEWISE_LINEAR
    assert not onnx_readers.NOT_PIECEWISE_LINEAR & set(onnx_readers.READERS)
    for kind in sorted(onnx_readers.NOT_PIECEWISE_LINEAR - {"Pow"}):
        version = onnx.defs.onnx_opset_version()
        if kind == "Swish" and version < 24:
            continue
        path = saved(tmp_path / "m.onnx", [node(kind, "x")], {}, opset=version)
        with pytest.raises(pe.NetworkError, match=rf"\({kind}\).*piecewise"):
            pe.load(path)
        with pytest.warns(UserWarning, match=kind):
            assert pe.load(path, ignore_output_activation=True).output_dim == 3


def test_indices_outside_of_an_axis_are_refused(tmp_path: Path) -> None:
    for kind, index in (("Gather", [3]), ("GatherElements", [[-4]]), ("GatherND", [[0, 3]])):
        path = saved(tmp_path / "m.onnx", [node(kind, "x", "i")], {"i": index})
        with pytest.raises(pe.NetworkError, match=rf"{kind}.*indices"):
            pe.load(path, check=False)


def test_shapes_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    nodes = [node("ConvTranspose", "x", "w")]
    for shape in ((), (2,)):
        path = saved(tmp_path / "m.onnx", nodes, {"w": np.zeros((1, 1, 2))}, inputs={"x": shape})
        with pytest.raises(pe.NetworkError):
            pe.load(path)


def test_nodes_that_are_not_as_their_definition_says(tmp_path: Path) -> None:
    """Runtimes end the process where an input is missing that must be there."""
    for made, message in (
        (node("Max", "x", ""), "is missing"),
        (node("Relu", "x", "x"), "1 to 1 inputs"),
        (node("Relu", "x", alpha=1.0), "no attribute 'alpha'"),
        (node("LeakyRelu", "x", alpha="much"), "cannot be of type STRING"),
        (node("Concat", "x", "x"), "'axis' is missing"),
        (node("MatMul", "x", ""), "is missing"),
        (node("Upsample", "x", "x"), ""),
        (node("NoSuchThing", "x"), "no such operator"),
    ):
        path = saved(tmp_path / "m.onnx", [made], {})
        # First without a runtime.
        for check in (False, True):
            with pytest.raises(pe.NetworkError, match=rf"{made.op_type}.*{message}"):
                pe.load(path, check=check)


@pytest.mark.parametrize("version", [0, -1, 99, 2**40])
def test_operator_sets_that_nobody_knows(version: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "m.onnx", [node("Relu", "x")], {})
    made = onnx.load(path)
    made.opset_import[0].version = version
    onnx.save(made, path)
    with pytest.raises(pe.NetworkError, match=f"operator set {version}"):
        pe.load(path)
    made.opset_import[0].version = 13
    made.graph.input[0].type.tensor_type.elem_type = 65
    onnx.save(made, path)
    with pytest.raises(pe.NetworkError, match=r"unknown \(65\)"):
        pe.load(path)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.onnx", [node("Relu", "x", out="hidden"), node("Abs", "hidden")], {})
    whole = path.read_bytes()
    for name in (b"Relu", b"hidden", b"Abs"):
        path.write_bytes(whole.replace(name, b"\xff" * len(name), 1))
        with pytest.raises(pe.NetworkError):
            pe.load(path)
