"""Downloads of zoo models and their cache: the only module that opens a connection.

A file is written under a hidden name and moved into place once its sha256 matches the index: two
processes may download the same model at once, and an interrupted or damaged download leaves nothing
behind. The cache is `SHIFTZOO_HOME`, by default the system's cache folder; the name of a cached
file contains its hash, so versions do not overwrite each other. With `SHIFTZOO_OFFLINE` set, no
connection is opened.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from shiftlint.console.whole_files import write_atomically
from shiftlint.errors import InputError
from shiftrun.fetch.index import Entry, file_sha256
from shiftrun.memory.cache_folder import HOME_VARIABLE, cache_folder
from shiftrun.progress import Progress

OFFLINE_VARIABLE = "SHIFTZOO_OFFLINE"
TIMEOUT_SECONDS = 20.0  # without a byte


def cached_name(entry: Entry) -> str:
    """The name of a model's file in the cache."""
    return f"{entry.name}-{entry.version}-{entry.sha256[:12]}.onnx"


def cached(entry: Entry) -> Path | None:
    """The model's file in the cache, if present and intact; a damaged file is ignored."""
    path = cache_folder() / cached_name(entry)
    return path if path.is_file() and file_sha256(path) == entry.sha256 else None


def cached_files() -> list[Path]:
    """All downloaded files."""
    folder = cache_folder()
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def download(
    entry: Entry,
    addresses: tuple[str, ...],
    problems: list[str],
    *,
    progress: Progress | None = None,
) -> Path:
    """Download a model from the first address with the right file.

    Parameters
    ----------
    entry : Entry
    addresses : tuple of str
        Without the file's name.
    problems : list of str
        Problems with other places, reported if no address works.
    progress : callable (bytes done, bytes in all), optional

    Raises
    ------
    InputError
        Offline, no address has the file, or the cache cannot be written.
    """
    import pooch
    import requests

    if os.environ.get(OFFLINE_VARIABLE):
        raise InputError(
            f"model is not cached ({entry.name}): expected it in {cache_folder()} because "
            f"{OFFLINE_VARIABLE} is set, got none. Unset {OFFLINE_VARIABLE}."
        )
    folder, problems = _writable(cache_folder()), list(problems)
    for address in addresses:
        bar = _Bar(progress) if progress is not None else False
        downloader = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT_SECONDS)
        url = f"{address}/{entry.file}"
        # pooch writes to a temporary file and checks its sha256: `whole_file` cannot distinguish
        # its OSErrors from network errors
        try:
            pooch.core.stream_download(
                url, folder / cached_name(entry), f"sha256:{entry.sha256}", downloader
            )
        except requests.RequestException as error:
            problems.append(f"{url}: {_reason(error)}")
        except ValueError:
            problems.append(f"{url}: not the file in the index (sha256 differs)")
        except OSError as error:
            raise InputError(
                f"cannot write the cache ({folder}): expected room for {entry.bytes / 1e6:.1f} MB, "
                f"got: {error.strerror or error}. "
                f"Free space, or set {HOME_VARIABLE} to another folder."
            ) from error
        else:
            return folder / cached_name(entry)
    tried = "; ".join(problems) or "no places"
    raise InputError(
        f"cannot fetch {entry.name} {entry.version} ({entry.file}): expected it from one of the "
        f"places in the index, got: {tried}. Check the connection, or set SHIFTZOO_INDEX to a "
        "folder or server that has it."
    )


def index_text(url: str) -> str:
    """The text of an index on the web; offline, the last copy read.

    Raises
    ------
    InputError
        It cannot be reached, or there is no copy.
    """
    copy = cache_folder() / f"index-{hashlib.sha256(url.encode()).hexdigest()[:12]}.json"
    if os.environ.get(OFFLINE_VARIABLE):
        try:
            return copy.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"no copy of the index ({url}): expected one in {copy.parent} ({OFFLINE_VARIABLE} "
                f"is set), got none. Unset {OFFLINE_VARIABLE} once, or set SHIFTZOO_INDEX to a "
                "folder."
            ) from error
    import requests

    try:
        response = requests.get(url, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
    except requests.RequestException as error:
        raise InputError(
            f"cannot reach the index ({url}): expected an answer, got: {_reason(error)}. Check "
            "the connection and SHIFTZOO_INDEX; "
            f"{OFFLINE_VARIABLE}=1 uses the last copy read."
        ) from error
    _writable(copy.parent)
    write_atomically(copy, response.content)
    return response.text


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"no cache ({folder}): expected a folder that can be created, got: {error.strerror}. "
            f"Set {HOME_VARIABLE} to another folder."
        ) from error
    if not os.access(folder, os.W_OK):
        raise InputError(
            f"cache is not writable ({folder}): expected permission to write. Set {HOME_VARIABLE} "
            "to another folder."
        )
    return folder


def _reason(error: Exception) -> str:
    """The last, plainest part of a nested network error."""
    text = str(error).split(" for url", maxsplit=1)[0].rstrip(")'\"")
    return text.rsplit(": ", 1)[-1].rsplit("] ", 1)[-1] or type(error).__name__


class _Bar:
    """A progress bar with pooch's interface."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.total, self.done = progress, 0, 0

    def update(self, size: int) -> None:
        """Count `size` more bytes."""
        self.done = min(self.total, self.done + size)
        self.progress(self.done, self.total)

    def reset(self) -> None:
        """Start over."""
        self.done = 0

    def close(self) -> None:
        """Do nothing."""
