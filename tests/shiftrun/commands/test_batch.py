"""Small tiles are run together: no bit changes, and less memory than a usual tile takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftlint.errors import InputError
from shiftrun.inference.session import OutOfMemory, Session
from shiftrun.model import model as model_module
from shiftrun.model.open_model import INSTANCE_OUTPUTS, open_model
from shiftrun.tiles.automatic_tile import Budget
from tests.shiftrun.networks import PROPS, unet

PX = np.random.default_rng(0).integers(0, 60000, (300, 310)).astype(np.uint16)
ZOO = Path(__file__).parents[3] / "zoo" / "dsb2018.onnx"


@pytest.fixture(scope="module", params=[False, True], ids=["valid", "padded"])
def network(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unet(
        tmp_path_factory.mktemp("net") / "net.onnx",
        depth=2,
        padded=request.param,
        props=PROPS,
        batch="n",
    )


class Counts(Session):
    """Remembers the sizes of batches; has no memory for more than `most` windows."""

    most = 100

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sizes: list[int] = []

    def run(self, batch: Any, outputs: Any = None) -> Any:
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            raise OutOfMemory("out of memory")
        return super().run(batch, outputs)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("most", [100, 2])
def test_batches_change_no_bit(
    network: Path, monkeypatch: pytest.MonkeyPatch, workers: int, most: int
) -> None:
    """Nor does running out of memory with one, from where on tiles are run one by one."""
    monkeypatch.setattr(model_module, "Session", Counts)
    monkeypatch.setattr(Counts, "most", most)
    model = open_model(network, device="cpu", workers=workers, check=0)
    whole = model.predict(PX, tile=512, outputs=INSTANCE_OUTPUTS)
    found = model.predict(PX, tile=48, outputs=INSTANCE_OUTPUTS)
    for name, values in whole.items():
        np.testing.assert_array_equal(found[name], values)
    session: Any = model.session
    assert session.sizes[0] == 1
    assert session.sizes[1] > 4
    assert sum(session.sizes) >= 1 + 7 * 7
    assert (max(session.sizes[-3:]) == 1) == (most == 2)


def test_what_is_batched(network: Path, tmp_path: Path) -> None:
    model = open_model(network, device="cpu")
    small, large = model.plan(PX.shape, tile=48), model.plan((5000, 5000), tile=1024)
    assert model.batch(small) > 4
    assert model.batch(large) == 1
    assert model.batch(replace(small, exact=False)) == 1
    assert (
        open_model(unet(tmp_path / "net.onnx", depth=2, props=PROPS), device="cpu").batch(small)
        == 1
    )


def test_batches_fit_into_memory() -> None:
    free, tight = Budget(None, 400.0), Budget(160_000_000, 400.0)
    assert free.batch((100, 100)) == 16
    assert free.batch((350, 350)) == 4
    assert free.batch((1000, 1000)) == 1
    assert tight.batch((100, 100)) == 2
    assert tight.peak_bytes((100, 100, 2)) <= 160_000_000 < tight.peak_bytes((100, 100, 3))


def test_a_network_that_mixes_its_batch_is_refused(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mixes(Session):
        def run(self, batch: Any, outputs: Any = None) -> Any:
            return {name: values[:1] for name, values in super().run(batch, outputs).items()}

    monkeypatch.setattr(model_module, "Session", Mixes)
    with pytest.raises(
        InputError, match=r"batch size \(embedding\): expected \d+ results .* got 1"
    ):
        open_model(network, device="cpu").predict(PX, tile=48)


@pytest.mark.parametrize("count", [2, 5, 16])
def test_the_zoos_network_in_batches(count: int) -> None:
    """204 px: the read of a tile of 16."""
    session = Session(ZOO, "cpu")
    batch = np.random.default_rng(count).normal(size=(count, 1, 204, 204)).astype(np.float32)
    together = session.run(batch)
    for number in range(count):
        for name, values in session.run(batch[number : number + 1]).items():
            np.testing.assert_array_equal(together[name][number], values[0])
