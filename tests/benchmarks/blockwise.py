"""The peer bioimageio.core, which needs a description and an output as large as the input.

It cannot predict a valid network blockwise, and its halo is the same on both sides. So the network
is wrapped: 4 px are cut off the end of each axis, and the outputs are padded back by 92 and 96 px.
Then a halo of 96 px and blocks of multiples of 16 px keep the network's grid. These numbers are
known by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEFT, RIGHT, EXTRA, HALO = 92, 92, 4, 96
BLOCK, SMALLEST, STEP = 704, 208, 16  # px: 512 are kept of a block


def wrap(path: Path, out: Path) -> str:
    """Write the network of `path` with outputs joined and as large as its input; returns the name
    of the input.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    graph, name = model.graph, model.graph.input[0].name
    for node in graph.node:
        node.input[:] = ["cut" if tensor == name else tensor for tensor in node.input]
    constants = {
        "cut_start": [0, 0],
        "cut_stop": [-EXTRA] * 2,
        "cut_axes": [2, 3],
        "back": [0, 0, LEFT, LEFT, 0, 0, RIGHT + EXTRA, RIGHT + EXTRA],
    }
    graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.int64), key) for key, value in constants.items()
    )
    graph.node.insert(
        0, helper.make_node("Slice", [name, "cut_start", "cut_stop", "cut_axes"], ["cut"])
    )
    graph.node.append(
        helper.make_node("Concat", [output.name for output in graph.output], ["joined"], axis=1)
    )
    graph.node.append(helper.make_node("Pad", ["joined", "back"], ["output"]))
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", "C", "Y", "X"])
    )
    del model.metadata_props[:]
    onnx.save(model, out)
    return str(name)


def pipeline(folder: Path, network: Path) -> tuple[str, Any]:
    """The name of the input and a prediction pipeline of bioimageio.core for the wrapped
    network.
    """
    import onnxruntime
    from bioimageio.core import create_prediction_pipeline  # type: ignore[import-not-found,unused-ignore]
    from bioimageio.spec.model import v0_5 as spec  # type: ignore[import-not-found,unused-ignore]

    name = wrap(network, folder / "network.onnx")
    pixels = np.random.default_rng(0).random((1, 1, BLOCK, BLOCK), np.float32)
    session = onnxruntime.InferenceSession(
        folder / "network.onnx", providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {name: pixels})[0]
    np.save(folder / "in.npy", pixels)
    np.save(folder / "out.npy", found)
    size = spec.ParameterizedSize(min=SMALLEST, step=STEP)
    given = [spec.SpaceInputAxis(id=axis, size=size) for axis in "yx"]
    result = [
        spec.SpaceOutputAxisWithHalo(
            id=axis, size=spec.SizeReference(tensor_id=name, axis_id=axis), halo=HALO
        )
        for axis in "yx"
    ]
    channels = (
        spec.ChannelAxis(channel_names=["intensity"]),
        spec.ChannelAxis(channel_names=[f"c{n}" for n in range(found.shape[1])]),
    )
    description = spec.ModelDescr(
        name="benchmark",
        description="A wrapped valid network",
        authors=[spec.Author(name="benchmark")],
        cite=[spec.CiteEntry(text="benchmark", doi="10.1109/ICCV48922.2021.00703")],
        license="MIT",
        inputs=[
            spec.InputTensorDescr(
                id=name,
                axes=[spec.BatchAxis(), channels[0], *given],
                test_tensor=spec.FileDescr(source=folder / "in.npy"),
            )
        ],
        outputs=[
            spec.OutputTensorDescr(
                id="output",
                axes=[spec.BatchAxis(), channels[1], *result],
                test_tensor=spec.FileDescr(source=folder / "out.npy"),
            )
        ],
        weights=spec.WeightsDescr(
            onnx=spec.OnnxWeightsDescr(source=folder / "network.onnx", opset_version=17)
        ),
    )
    return name, create_prediction_pipeline(description)


def blocks_of(name: str, ready: Any, padded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run an image (1, *space), padded to multiples of 16 px, block by block; (C, *space), right
    inside the outer 96 px.
    """
    from bioimageio.core import Sample, Tensor  # type: ignore[import-not-found,unused-ignore]

    sample = Sample(
        members={name: Tensor.from_numpy(padded[None], dims=["batch", "channel", "y", "x"])},
        stat={},
        id="image",
    )
    found = ready.predict_sample_with_blocking(sample, ns=(BLOCK - SMALLEST) // STEP)
    return np.asarray(found.members["output"].data.values[0])
