"""The training loop: flat, resumable, on CUDA or the CPU.

A run has one folder: `checkpoint.pt`, `curve.csv`, `curve.png`, `recipe.toml`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from shiftlint.console.whole_files import whole_file, write_atomically
from shiftlint.errors import InputError
from shiftzoo.data.labeled_images import Sample
from shiftzoo.recipe import Recipe, check_training_window, parse_recipe
from shiftzoo.train.crops import CropStream
from shiftzoo.train.curve import COLUMNS, TERMS, append, draw, go_back
from shiftzoo.train.loss import missed_share, total_loss
from shiftzoo.train.network import ValidUNet

LOG_EVERY = 50  # steps between rows of the curve
SAVE_EVERY = 500  # steps between checkpoints
CHECKPOINT = "checkpoint.pt"
MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
}  # the fastest of each


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """A progress report: steps and seconds over all sessions, mean loss since the last report."""

    step: int
    seconds: float
    loss: float


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A network with averaged weights, and how it was trained."""

    recipe: Recipe
    network: ValidUNet
    step: int
    seconds: float
    device: str
    unsafe_window: bool

    def described_by(self, recipe: Recipe) -> TrainedModel:
        """The same network with the text and inference settings of a later recipe.

        Raises
        ------
        InputError
            The recipe describes a different network or training.
        """
        for name in ("name", "architecture", "training", "loss", "augmentation", "percentiles"):
            trained, wished = getattr(self.recipe, name), getattr(recipe, name)
            if trained != wished:
                raise InputError(
                    f"recipe of a different training ({recipe.name}, {name}): expected {trained}, "
                    f"got {wished}. Change only text and inference settings."
                )
        return replace(self, recipe=recipe)


class TrainingRun:
    """A training in progress: network, running average and optimizer, together a checkpoint.

    Attributes
    ----------
    step : int
    seconds : float
        Over all sessions.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        device: torch.device,
        *,
        unsafe_window: bool,
        start: ValidUNet | None = None,
    ) -> None:
        torch.manual_seed(recipe.training.seed)
        self.recipe, self.folder, self.device, self.unsafe_window = (
            recipe,
            folder,
            device,
            unsafe_window,
        )
        self.memory_format = MEMORY_FORMATS[recipe.architecture.dimensions]
        self.network = ValidUNet(recipe.architecture)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        self.network.to(device)
        self.network.to(memory_format=self.memory_format)  # type: ignore[call-overload]  # missing in the stubs
        running = get_ema_multi_avg_fn(recipe.training.average_decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.network, multi_avg_fn=running, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.training.learning_rate,
            weight_decay=recipe.training.weight_decay,
        )
        self.step, self.seconds = 0, 0.0

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all, and draw the curve."""
        state = {
            "recipe": self.recipe.source,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "device": self.device.type,
            "unsafe_window": self.unsafe_window,
        }
        with whole_file(self.folder / CHECKPOINT) as draft:
            torch.save(state, draft)
        draw(self.folder)

    def learn(
        self, image: torch.Tensor, labels: torch.Tensor, rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step on a batch (B, C, *input) and its labels (B, *window).

        Returns the loss with its `TERMS`, and the share that each crop missed (B,). Both are on the
        device, which may still be computing them.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        image = image.to(self.device, non_blocking=True).contiguous(
            memory_format=self.memory_format
        )
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=multiplies_bfloat16(self.device)
        ):
            embedding, logits = self.network(image)
        embedding, logits = (_center(t, self.recipe.training.window) for t in (embedding, logits))
        labels = labels.to(self.device, non_blocking=True)
        loss, terms = total_loss(embedding, logits, labels, self.recipe.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.recipe.training.gradient_clip
        )
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return torch.stack([loss.detach(), *(terms[name] for name in TERMS)]), missed_share(
            logits, labels
        )


def train(
    recipe: Recipe,
    samples: list[Sample],
    folder: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
    start: ValidUNet | None = None,
    device: str = "auto",
    allow_unsafe_window: bool = False,
    workers: int = 0,
    report: Callable[[TrainingProgress], None] = lambda _: None,
) -> TrainedModel:
    """Train `recipe` on `samples`; return the running average of the weights.

    Parameters
    ----------
    folder : Path
        The run's folder; created if it does not exist. An existing checkpoint in it is continued
        with `resume` and refused without.
    minutes : float, optional
        Stop after this total time over all sessions of the run. The learning rate reaches 0 at this
        time or at `training.steps`, whichever comes first.
    start : ValidUNet, optional
        Starting weights of a new run; a resumed run keeps its own.
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    InputError
        Unsafe training window, missing device, existing or missing checkpoint, a checkpoint of a
        different recipe, or a loss that is not finite.
    """
    run = _open_run(
        recipe,
        folder,
        resume=resume,
        device=device,
        allow_unsafe_window=allow_unsafe_window,
        start=start,
    )
    crops = CropStream(samples, recipe, seed=recipe.training.seed + run.step)
    pinned = run.device.type == "cuda"
    batches = iter(
        DataLoader(
            crops, batch_size=recipe.training.batch_size, num_workers=workers, pin_memory=pinned
        )
    )
    sums, before = torch.zeros(1 + len(TERMS), device=run.device), None
    began = time.monotonic() - run.seconds
    try:
        while run.step < recipe.training.steps and (minutes is None or run.seconds < 60 * minutes):
            share = max(
                run.step / recipe.training.steps, run.seconds / (60 * minutes) if minutes else 0.0
            )
            rate = recipe.training.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
            image, labels, fields = next(batches)
            terms, missed = run.learn(image, labels, rate)
            sums += terms
            if before is not None:  # of the last step: the device is still computing this one
                crops.note(*before)
            before = fields, missed
            run.seconds = time.monotonic() - began
            if run.step % LOG_EVERY == 0:
                means = [term / LOG_EVERY for term in _finite(sums, run)]
                append(
                    folder,
                    (run.step, round(run.seconds, 1), rate, *(round(mean, 5) for mean in means)),
                )
                report(TrainingProgress(run.step, run.seconds, means[0]))
                sums = torch.zeros_like(sums)
            if run.step % SAVE_EVERY == 0:
                run.save()
    except KeyboardInterrupt:
        _finite(sums, run)
        run.save()  # Ctrl-C ends a session, not the run
        raise
    _finite(sums, run)
    run.save()
    return TrainedModel(
        recipe, _averaged(run.average), run.step, run.seconds, run.device.type, allow_unsafe_window
    )


def _open_run(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool,
    device: str,
    allow_unsafe_window: bool,
    start: ValidUNet | None,
) -> TrainingRun:
    """A new run, or the run of the checkpoint in `folder`."""
    if not allow_unsafe_window:
        check_training_window(recipe)
    target = pick_device(device)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists() != resume:
        found = (
            "none; omit --resume to start a new run"
            if resume
            else "a checkpoint; pass --resume to continue it"
        )
        raise InputError(
            f"training run ({folder}): expected {'a' if resume else 'no'} checkpoint, got {found}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    run = TrainingRun(recipe, folder, target, unsafe_window=allow_unsafe_window, start=start)
    if resume:
        run.load(_read_checkpoint(checkpoint, recipe))
        go_back(folder, run.step)
    else:
        write_atomically(folder / "recipe.toml", recipe.source.encode())
        append(folder, COLUMNS, start=True)
    return run


def load_trained(folder: Path) -> TrainedModel:
    """The averaged network of the run in `folder`, on the CPU in evaluation mode."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.is_file():
        raise InputError(
            f"no training run ({folder}): expected checkpoint.pt. Train first: shiftzoo train "
            f"RECIPE --out {folder}."
        )
    state = _read_checkpoint(checkpoint, None)
    recipe = parse_recipe(state["recipe"], where=str(checkpoint))
    average = AveragedModel(ValidUNet(recipe.architecture), use_buffers=True)
    average.load_state_dict(state["average"])
    return TrainedModel(
        recipe,
        _averaged(average),
        state["step"],
        state["seconds"],
        state["device"],
        state["unsafe_window"],
    )


def pick_device(wish: str) -> torch.device:
    """The torch device for "auto", "cpu" or "cuda"; InputError for "cuda" if there is none."""
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "no CUDA device (--device cuda): expected a GPU that torch can use, got none. Use "
            "--device cpu."
        )
    return torch.device(wish)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively.

    A CPU that has to emulate it takes ten times as long as for float32.
    """
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())


def _averaged(average: AveragedModel) -> ValidUNet:
    network = average.module
    assert isinstance(network, ValidUNet)
    return network.cpu().eval()


def _read_checkpoint(path: Path, recipe: Recipe | None) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(
            f"broken checkpoint ({path}): {str(error).splitlines()[0]} Remove it and train again."
        ) from error
    if recipe is not None and state["recipe"] != recipe.source:
        raise InputError(
            f"checkpoint of a different recipe ({path}): expected the text of {recipe.name}, got a "
            "different one. Use another --out, or the recipe.toml next to the checkpoint."
        )
    return state


def _finite(sums: torch.Tensor, run: TrainingRun) -> list[float]:
    """The sums of the loss terms (T,) as numbers; InputError if one is not finite."""
    found: list[float] = sums.tolist()
    if not all(map(math.isfinite, found)):
        raise InputError(
            f"training diverged ({run.recipe.name}, by step {run.step}): expected a finite loss, "
            f"got {found[0]}. "
            "Lower training.learning_rate."
        )
    return found


def _center(x: torch.Tensor, window: tuple[int, ...]) -> torch.Tensor:
    """The middle `window` px of (B, C, *space)."""
    for axis, px in enumerate(window, start=2):
        x = x.narrow(axis, (x.shape[axis] - px) // 2, px)
    return x
