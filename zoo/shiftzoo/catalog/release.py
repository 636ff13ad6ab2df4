"""The release gate: publish a folder of models if every model keeps the promises of its card.

A model is refused unless the linter reports no errors or warnings; measurement does not contradict
its contract; its card and the index are what metadata, prose and reports give; and it reaches the
precision on its card for a stored pair of image and labels. A release is written to a new folder
and never changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from shiftlint.console.whole_files import whole_file
from shiftlint.errors import InputError
from shiftlint.linting.check import check
from shiftlint.rules.case import Wish
from shiftlint.rules.finding import Level
from shiftrun.model.open_model import open_model
from shiftschemas import SchemaError
from shiftzoo.catalog.cards import Card, card_text, read_card
from shiftzoo.catalog.indexing import index_document, index_text
from shiftzoo.data.labeled_images import read_samples
from shiftzoo.evaluation.evaluate import evaluate

TOLERANCE = 0.05  # of precision on the stored pair: another processor may change one of few objects


def release(
    folder: Path,
    out: Path,
    *,
    mirrors: tuple[str, ...] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> list[Card]:
    """Write all models of `folder` that have a card to the new folder `out`.

    Parameters
    ----------
    folder : Path
        Laid out as the zoo of this project: NAME.onnx, NAME.md, index.json, cards/, reports,
        pictures and stored pairs.
    out : Path
    mirrors : tuple of str
        Addresses for the index.
    progress : callable (name of the model being checked), optional

    Raises
    ------
    InputError
        `out` exists, there is no model, or a model is refused: all reasons in one message.
    """
    _refuse_existing(out)
    if not out.parent.is_dir():
        raise InputError(
            f"no such folder ({out.parent}): expected a folder to write {out.name} to. Create it "
            "first."
        )
    names = sorted(path.stem for path in (folder / "cards").glob("*.toml"))
    if not names:
        raise InputError(
            f"no models ({folder}): expected NAME.onnx with cards/NAME.toml, got none."
        )
    cards, refused = [], []
    for name in names:
        progress(name)
        try:
            card = read_card(folder / f"{name}.onnx")
            refused += [f"{name}: {reason}" for reason in reasons(card)]
            cards.append(card)
        except (InputError, SchemaError) as error:
            refused.append(f"{name}: {error}")
    if not refused and _text(folder / "index.json") != index_text(index_document(cards)):
        refused.append(f"index.json is stale: run shiftzoo cards {folder}")
    if refused:
        raise InputError(f"release refused ({folder}): {'; '.join(refused)}")
    _write(cards, out, mirrors)
    return cards


def reasons(card: Card) -> Iterator[str]:
    """Why a model may not be released."""
    checked = check(str(card.path), Wish(), verify=True)
    yield from (
        f"{f.code} {f.message}" for f in checked.findings if f.level in (Level.ERROR, Level.WARNING)
    )
    if card.metadata.unsafe_window:
        yield "trained with an unsafe window"
    text = _text(card.path.with_suffix(".md"))
    if not text:
        yield f"no card: expected {card.path.with_suffix('.md')}"
    elif not card.by_hand and text != card_text(card):
        yield f"the card is stale: run shiftzoo cards {card.path.parent}"
    pair = card.prose["pair"]
    (found,) = evaluate(
        open_model(card.path, device="cpu"), read_samples(card.path.parent / pair["file"])
    )
    reached = found.total.average_precision(0.5)
    if abs(reached - pair["ap50"]) > TOLERANCE:
        yield (
            f"precision on {pair['file']}: expected AP50 {pair['ap50']} as on its card, got "
            f"{reached:.3f}"
        )


def _write(cards: list[Card], out: Path, mirrors: tuple[str, ...]) -> None:
    with whole_file(out) as draft:
        draft.mkdir()
        (draft / "index.json").write_text(
            index_text(index_document(cards, mirrors)), encoding="utf-8"
        )
        for card in cards:
            home = card.path.parent
            pictures = (home / picture["file"] for picture in card.prose.get("picture", []))
            for file in (card.path, card.path.with_suffix(".md"), *pictures):
                target = draft / file.relative_to(home)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(file, target)
        _refuse_existing(out)  # it may have appeared during the checks


def _refuse_existing(out: Path) -> None:
    if out.exists():
        raise InputError(
            f"release exists ({out}): expected a new folder. A release is never changed; choose "
            "another name."
        )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
