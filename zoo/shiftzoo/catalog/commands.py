"""The commands of `shiftzoo` for existing models: list, show, download, cache, cards, release."""

from __future__ import annotations

import json
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command(name="list")
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def list_models(output_format: str) -> None:
    """List the models of the zoo, and where they are.

    SHIFTZOO_INDEX selects another zoo: a folder with an index.json, or its web address.
    """
    from shiftrun.fetch.find_model import read_index
    from shiftzoo.catalog.listing import models_table

    index = read_index()
    if output_format == "json":
        click.echo(json.dumps([entry.document for entry in index.entries], indent=1))
    else:
        click.echo(models_table(index))


@click.command()
@click.argument("name")
def show(name: str) -> None:
    """Show the card of a model: data, license, metrics, known failures.

    \b
    shiftzoo show dsb2018
    """
    from shiftrun.fetch.find_model import read_index
    from shiftzoo.catalog.listing import describe

    index = read_index()
    describe(index, index.entry(name))


@click.command()
@click.argument("name")
def download(name: str) -> None:
    """Download a model and print the path of its file. Later runs use this file.

    SHIFTZOO_HOME sets the cache folder; SHIFTZOO_OFFLINE=1 forbids downloads.
    """
    from shiftrun.model.open_model import resolve

    click.echo(resolve(name))


@click.command()
@click.option("--clear", is_flag=True, help="Remove all cached files.")
def cache(clear: bool) -> None:
    """List or remove the downloaded files."""
    from shiftrun.fetch.download import cached_files
    from shiftrun.memory.cache_folder import cache_folder

    files = cached_files()
    for file in files:
        click.echo(f"{'removed ' if clear else ''}{file} {file.stat().st_size / 1e6:.1f} MB")
        if clear:
            file.unlink()
    click.echo(f"{cache_folder()}: {0 if clear else len(files)} files")


@click.command()
@click.argument("folder", type=PATH)
@click.option("--check", is_flag=True, help="Write nothing; fail if a file would change.")
def cards(folder: Path, check: bool) -> int:
    """Write the cards (NAME.md) and index.json of a folder of models.

    They are made from the models' metadata, cards/NAME.toml and the reports of evaluate.

    \b
    shiftzoo cards zoo
    """
    from shiftlint.console.whole_files import write_atomically
    from shiftzoo.catalog.cards import card_text
    from shiftzoo.catalog.indexing import index_document, index_text, read_cards

    found = read_cards(folder)
    texts = {card.path.with_suffix(".md"): card_text(card) for card in found if not card.by_hand}
    texts[folder / "index.json"] = index_text(index_document(found))
    stale = [
        path
        for path, text in texts.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        click.echo(f"{path}: {'stale' if check else 'written'}")
        if not check:
            write_atomically(path, texts[path].encode())
    return 1 if check and stale else 0


@click.command()
@click.argument("folder", type=PATH)
@click.option("--out", required=True, type=PATH, help="The new folder to publish.")
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    help="Address of another folder that will hold the files. Repeat to add more.",
)
def release(folder: Path, out: Path, mirrors: tuple[str, ...]) -> None:
    """Check every model of a folder against its card, then write all of them with an index.

    If one model fails, nothing is written.

    \b
    shiftzoo release zoo --out releases/1.0.0
    SHIFTZOO_INDEX=releases/1.0.0 shiftrun segment dsb2018 image.tif -o labels.tif
    """
    from shiftzoo.catalog.release import release

    cards = release(
        folder, out, mirrors=mirrors, progress=lambda name: click.echo(f"checking {name}", err=True)
    )
    click.echo(f"{out}: {', '.join(f'{card.path.stem} {card.version}' for card in cards)}")


COMMANDS = (list_models, show, download, cache, cards, release)
