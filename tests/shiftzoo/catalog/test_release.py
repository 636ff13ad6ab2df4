"""Cards, index and release gate on a zoo of one small network; the real zoo is consistent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="the small network is exported by PyTorch (the extra [train])")
pytest.importorskip("onnxruntime", reason="running a model needs onnxruntime (the extra [cpu])")

import torch

from shiftlint.errors import InputError
from shiftrun.cli import cli as shiftrun_cli
from shiftrun.fetch.find_model import read_index
from shiftrun.model.open_model import resolve
from shiftzoo.catalog.cards import card_text, read_card
from shiftzoo.catalog.indexing import read_cards
from shiftzoo.catalog.release import reasons, release
from shiftzoo.cli import cli
from shiftzoo.data.labeled_images import write_archive
from shiftzoo.train.export import export
from shiftzoo.train.network import ValidUNet
from shiftzoo.train.trainer import TrainedModel
from tests import servers
from tests.shiftzoo import tiny

ZOO = Path(__file__).parents[3] / "zoo"
PROSE = """
version = "1.2.3"
use = "For tests."
training = "Not at all."
limits = "Everything."
[pair]
file = "pairs/tiny.npz"
ap50 = 0.0
[[measurement]]
data = "three images"
command = "shiftzoo evaluate zoo/tiny.onnx data"
report = "metrics/tiny.json"
[[picture]]
file = "pictures/tiny.png"
caption = "Nothing"
"""


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(
        cli, [str(a) for a in arguments], standalone_mode=False, catch_exceptions=False
    )
    assert result.return_value in (None, 0), result.output
    return result.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    zoo = tmp_path_factory.mktemp("made") / "zoo"
    for name in ("cards", "metrics", "pairs", "pictures"):
        (zoo / name).mkdir(parents=True)
    torch.manual_seed(0)
    network = ValidUNet(tiny.recipe().architecture)
    network(torch.rand(4, 1, 36, 36))
    export(
        TrainedModel(tiny.recipe(), network.eval(), 0, 0.0, "cpu", False),
        zoo / "tiny.onnx",
        dynamo=False,
    )
    write_archive(zoo / "pairs" / "tiny.npz", tiny.disks(1))
    (zoo / "pictures" / "tiny.png").write_bytes(b"png")
    (zoo / "cards" / "tiny.toml").write_text(PROSE)
    report = invoke(
        "evaluate",
        zoo / "tiny.onnx",
        zoo / "pairs" / "tiny.npz",
        "--output-format",
        "json",
        "--quiet",
    )
    (zoo / "metrics" / "tiny.json").write_text(report)
    reached = json.loads(report)["evaluations"][0]["ap"]["0.5"]
    (zoo / "cards" / "tiny.toml").write_text(PROSE.replace("ap50 = 0.0", f"ap50 = {reached}"))
    invoke("cards", zoo)
    return zoo


@pytest.fixture
def zoo(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "zoo"))


def test_a_release_is_a_zoo(zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "1.0.0"
    invoke("release", zoo, "--out", out, "--mirror", "https://example.org/zoo")
    assert {str(p.relative_to(out)) for p in out.rglob("*.*")} == {
        "index.json",
        "tiny.onnx",
        "tiny.md",
        "pictures/tiny.png",
    }
    index = read_index(str(out))
    assert index.places == (str(out), "https://example.org/zoo")
    monkeypatch.setenv("SHIFTZOO_INDEX", str(out))
    assert resolve("tiny") == out / "tiny.onnx"
    assert "tiny  1.2.3" in invoke("list")
    assert "Not at all." in invoke("show", "tiny")
    with pytest.raises(InputError, match="release exists"):
        release(zoo, out)


def test_a_release_is_served(zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a web server: on first use the model is fetched, then it is there."""
    invoke("release", zoo, "--out", tmp_path / "1.0.0")
    monkeypatch.setenv("SHIFTZOO_HOME", str(tmp_path / "cache"))
    image = tmp_path / "image.npy"
    np.save(image, tiny.disks(1)[0].image)
    with servers.nginx(tmp_path / "1.0.0") as address:
        monkeypatch.setenv("SHIFTZOO_INDEX", address)
        assert "to be fetched" in invoke("list")
        assert "three images" in invoke("show", "tiny")
        result = CliRunner().invoke(
            shiftrun_cli, ["segment", "tiny", str(image), "-o", str(tmp_path / "labels.tif")]
        )
        assert result.exit_code == 0, result.output
        assert "cached" in invoke("list")
        fetched = Path(invoke("download", "tiny").strip())
    assert fetched.read_bytes() == (zoo / "tiny.onnx").read_bytes()
    assert str(fetched) in invoke("cache")
    assert "removed" in invoke("cache", "--clear")
    assert not fetched.exists()


def change_metadata(model: Path, key: str, value: str | None) -> None:
    network = onnx.load(model)
    kept = [prop for prop in network.metadata_props if prop.key != key]
    del network.metadata_props[:]
    network.metadata_props.extend(kept)
    if value is not None:
        network.metadata_props.add(key=key, value=value)
    onnx.save(network, model)


def remeasured(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """Change the network and remake report, card and index: only the change can be refused."""

    def spoil(zoo: Path) -> None:
        change(zoo)
        report = zoo / "metrics" / "tiny.json"
        report.write_text(
            invoke(
                "evaluate",
                zoo / "tiny.onnx",
                zoo / "pairs" / "tiny.npz",
                "--output-format",
                "json",
                "--quiet",
            )
        )
        invoke("cards", zoo)

    return spoil


def rewrite(file: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(zoo: Path) -> None:
        text = (zoo / file).read_text()
        assert old in text
        (zoo / file).write_text(text.replace(old, new))

    return spoil


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed weights": (
        lambda zoo: change_metadata(zoo / "tiny.onnx", "min_size", "7"),
        "report of another file",
    ),
    "no data named": (
        remeasured(lambda zoo: change_metadata(zoo / "tiny.onnx", "data", None)),
        "SL604",
    ),
    "wrong training window": (
        remeasured(lambda zoo: change_metadata(zoo / "tiny.onnx", "train_window", "[2, 2]")),
        "SL101",
    ),
    "unsafe window": (
        remeasured(lambda zoo: change_metadata(zoo / "tiny.onnx", "unsafe_window", "true")),
        "unsafe window",
    ),
    "no network": (lambda zoo: (zoo / "tiny.onnx").unlink(), "SL001"),
    "stale card": (rewrite("tiny.md", "Everything", "Nothing"), "the card is stale"),
    "no card": (lambda zoo: (zoo / "tiny.md").unlink(), "no card"),
    "stale index": (rewrite("index.json", "1.2.3", "1.2.4"), "index.json is stale"),
    "incomplete card": (
        rewrite("cards/tiny.toml", "limits =", "limit ="),
        "breaks card.schema.json",
    ),
    "missing picture": (lambda zoo: (zoo / "pictures" / "tiny.png").unlink(), "picture is missing"),
    "another precision": (
        remeasured(rewrite("cards/tiny.toml", "ap50 = 0", "ap50 = 0.9 # 0")),
        "expected AP50 0.9",
    ),
    "missing pair": (lambda zoo: (zoo / "pairs" / "tiny.npz").unlink(), "no data"),
}


@pytest.mark.parametrize("name", sorted(SPOILED))
def test_a_spoiled_model_is_refused_for_its_own_reason(
    name: str, zoo: Path, tmp_path: Path
) -> None:
    spoil, said = SPOILED[name]
    spoil(zoo)
    with pytest.raises(InputError, match="release refused") as caught:
        release(zoo, tmp_path / "out")
    assert said in str(caught.value)
    assert str(caught.value).count("tiny: ") <= (
        2 if name == "no data named" else 1
    )  # two rules look for the data
    assert not (tmp_path / "out").exists()


def test_a_card_says_what_was_measured(made: Path) -> None:
    text = card_text(read_card(made / "tiny.onnx"))
    for part in (
        "# tiny 1.2.3",
        "| period (y, x) | 2, 2 |",
        "CC0-1.0",
        "| three images | 1 | 4 |",
        "For tests.",
        "![Nothing]",
    ):
        assert part in text


def test_the_zoo_is_as_its_files_say() -> None:
    """If it fails: shiftzoo cards zoo."""
    result = CliRunner().invoke(
        cli, ["cards", str(ZOO), "--check"], standalone_mode=False, catch_exceptions=False
    )
    assert result.return_value == 0, result.output
    assert {card.path.stem for card in read_cards(ZOO)} >= {"disks"}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ZOO / "cards").glob("*.toml")))
def test_every_model_of_the_zoo_passes_the_gate(name: str) -> None:
    card = read_card(ZOO / f"{name}.onnx")
    assert [reason for reason in reasons(card) if "no card" not in reason or not card.by_hand] == []
