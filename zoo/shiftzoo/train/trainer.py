"""The training loop: flat, resumable, on CUDA or the CPU.

A run lives in one folder: `checkpoint.pt` (written beside and renamed), `curve.csv`, `curve.png`, `recipe.toml`.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from shiftlint.errors import InputError
from shiftzoo.datasets import Sample
from shiftzoo.recipe import Recipe, check_training_window, parse_recipe
from shiftzoo.train.loss import total_loss
from shiftzoo.train.network import ValidUNet
from shiftzoo.train.sampling import CropStream

LOG_EVERY = 50  # steps between rows of the curve
SAVE_EVERY = 500  # steps between checkpoints
COLUMNS = ("step", "seconds", "learning_rate", "loss", "pull", "push", "length", "foreground")


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running training reports: steps and seconds so far (all sessions), and the mean loss since the last report."""

    step: int
    seconds: float
    loss: float


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A network with averaged weights, and how it came about."""

    recipe: Recipe
    network: ValidUNet
    step: int
    seconds: float
    device: str
    unsafe_window: bool


def train(
    recipe: Recipe,
    samples: list[Sample],
    folder: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
    device: str = "auto",
    allow_unsafe_window: bool = False,
    workers: int = 0,
    report: Callable[[Progress], None] = lambda _: None,
) -> TrainedModel:
    """Train `recipe` on `samples`; return the running average of the weights.

    Parameters
    ----------
    folder : Path
        The run's folder; made if it does not exist. A checkpoint in it is continued with `resume`, else refused.
    minutes : float, optional
        Stop after this time over all sessions of the run. The learning rate reaches 0 at `training.steps` or then,
        whichever comes first.
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    InputError
        Unsafe training window, missing device, existing or missing checkpoint, or a checkpoint of another recipe.
    """
    if not allow_unsafe_window:
        check_training_window(recipe)
    target = pick_device(device)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists() != resume:
        found = "a checkpoint; pass --resume to continue it" if not resume else "none; leave --resume out to start anew"
        raise InputError(f"training run ({folder}): expected {'a' if resume else 'no'} checkpoint, got {found}.")
    folder.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(recipe.training.seed)
    network = ValidUNet(recipe.architecture).to(target, memory_format=_memory_format(recipe))
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.training.average_decay), use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.training.learning_rate, weight_decay=recipe.training.weight_decay)
    step, seconds = 0, 0.0
    if resume:
        state = _read_checkpoint(checkpoint, recipe)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, seconds = state["step"], state["seconds"]
    else:
        (folder / "recipe.toml").write_text(recipe.source, encoding="utf-8")
        _append(folder / "curve.csv", COLUMNS, start=True)

    def save() -> None:
        state = {
            "recipe": recipe.source,
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "seconds": seconds,
            "device": target.type,
            "unsafe_window": allow_unsafe_window,
        }
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)
        plot_curve(folder)

    crops = CropStream(samples, recipe, seed=recipe.training.seed + step)
    batches = iter(DataLoader(crops, batch_size=recipe.training.batch_size, num_workers=workers))
    sums: dict[str, float] = {}
    began = time.monotonic() - seconds
    while step < recipe.training.steps and (minutes is None or seconds < 60 * minutes):
        share = max(step / recipe.training.steps, seconds / (60 * minutes) if minutes else 0.0)
        rate = recipe.training.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        for group in optimizer.param_groups:
            group["lr"] = rate

        image, labels = (t.to(target, non_blocking=True) for t in next(batches))
        image = image.contiguous(memory_format=_memory_format(recipe))
        with torch.autocast(target.type, dtype=torch.bfloat16):
            embedding, logits = network(image)
        embedding, logits = (_center(t, recipe.training.window) for t in (embedding, logits))
        loss, terms = total_loss(embedding, logits, labels, recipe.loss)
        if not torch.isfinite(loss):
            raise InputError(f"training diverged ({recipe.name}, step {step}): the loss is {float(loss)}. Lower the learning rate.")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.training.gradient_clip)
        optimizer.step()
        average.update_parameters(network)

        step += 1
        seconds = time.monotonic() - began
        for name, value in {"loss": float(loss.detach()), **terms}.items():
            sums[name] = sums.get(name, 0.0) + value / LOG_EVERY
        if step % LOG_EVERY == 0:
            _append(folder / "curve.csv", (step, round(seconds, 1), rate, *(round(sums[c], 5) for c in COLUMNS[3:])))
            report(Progress(step, seconds, sums["loss"]))
            sums = {}
        if step % SAVE_EVERY == 0:
            save()
    save()
    return TrainedModel(recipe, _averaged(average), step, seconds, target.type, allow_unsafe_window)


def load_trained(folder: Path) -> TrainedModel:
    """The averaged network of the run in `folder`, on the CPU in evaluation mode."""
    checkpoint = folder / "checkpoint.pt"
    if not checkpoint.is_file():
        raise InputError(f"no training run ({folder}): expected checkpoint.pt. Train first: shiftzoo train RECIPE --out {folder}.")
    state = _read_checkpoint(checkpoint, None)
    recipe = parse_recipe(state["recipe"], where=str(checkpoint))
    average = AveragedModel(ValidUNet(recipe.architecture), use_buffers=True)
    average.load_state_dict(state["average"])
    return TrainedModel(recipe, _averaged(average), state["step"], state["seconds"], state["device"], state["unsafe_window"])


def pick_device(wish: str) -> torch.device:
    """The torch device for "auto", "cpu" or "cuda"; "cuda" where there is none is an error."""
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device (--device cuda): expected a GPU that torch can use, got none. Use --device cpu.")
    return torch.device(wish)


def plot_curve(folder: Path) -> None:
    """Draw `curve.csv` as `curve.png`: every term against the step."""
    from matplotlib.figure import Figure  # 0.3 s: only where a curve is drawn

    with (folder / "curve.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name in COLUMNS[3:]:
        axes.plot([r["step"] for r in rows], [max(r[name], 1e-6) for r in rows], label=name, linewidth=1)
    axes.set(xlabel="step", ylabel="loss term (unweighted)", yscale="log", title=f"{folder.name}: training curve")
    axes.legend()
    figure.savefig(folder / "curve.part.png", dpi=120)
    (folder / "curve.part.png").replace(folder / "curve.png")


def _averaged(average: AveragedModel) -> ValidUNet:
    network = average.module
    assert isinstance(network, ValidUNet)
    return network.cpu().eval()


def _read_checkpoint(path: Path, recipe: Recipe | None) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"broken checkpoint ({path}): {str(error).splitlines()[0]} Remove it and train anew.") from error
    if recipe is not None and state["recipe"] != recipe.source:
        raise InputError(
            f"checkpoint of another recipe ({path}): expected the text of {recipe.name}, got one that differs. "
            "Use another --out, or the recipe.toml beside the checkpoint."
        )
    return state


def _memory_format(recipe: Recipe) -> torch.memory_format:
    """Channels last is about a third faster in 2d."""
    return torch.channels_last if recipe.architecture.dimensions == 2 else torch.contiguous_format


def _center(x: torch.Tensor, window: tuple[int, ...]) -> torch.Tensor:
    """The middle `window` px of (B, C, *space)."""
    for axis, px in enumerate(window, start=2):
        x = x.narrow(axis, (x.shape[axis] - px) // 2, px)
    return x


def _append(path: Path, row: tuple[object, ...], *, start: bool = False) -> None:
    with path.open("w" if start else "a", newline="") as file:
        csv.writer(file).writerow(row)
