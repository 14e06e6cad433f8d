"""Where things lie. One workspace is one folder, called the home."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bancada.core.errors import BancadaError


@dataclass(frozen=True, slots=True)
class Home:
    """The layout of a workspace folder."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "bancada.db"

    @property
    def blobs(self) -> Path:
        """Content-addressed files: ``blobs/ab/<sha256>``."""
        return self.root / "blobs"

    @property
    def views(self) -> Path:
        """Folders of hard links into the blobs, for formats that need several named files."""
        return self.root / "views"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def reserve(self) -> Path:
        """16 MB that are given back when the disk is full."""
        return self.root / "reserve.bin"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def downloads(self) -> Path:
        """Unfinished downloads; beside the blobs, so that a finished one is moved and not copied."""
        return self.root / "downloads"

    @property
    def quarantine(self) -> Path:
        """Downloaded files that were not what they should be, each with the reason."""
        return self.root / "quarantine"

    @property
    def keys(self) -> Path:
        """Private signing keys, each encrypted with a passphrase: ``keys/<key id>.json``."""
        return self.root / "keys"

    @property
    def incoming(self) -> Path:
        """Unfinished files of bundles; beside the blobs, so that a finished one is moved and not copied."""
        return self.root / "incoming"

    @property
    def receipts(self) -> Path:
        """What was admitted with bundles, for the printer and the files."""
        return self.root / "receipts"

    @property
    def catalogue(self) -> Path:
        """Newer editions of the catalogue of models: ``catalogue/<sha256>.json``."""
        return self.root / "catalogue"

    def create(self) -> None:
        """Make the folders; raises OSError where the place cannot be written."""
        for folder in (self.blobs, self.views, self.logs, self.backups, self.locks, self.temporary):
            private_folder(folder)


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, and its parent likewise; raises OSError."""
    # the mode of mkdir is for the last folder alone
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)


def default_home() -> Path:
    """``BANCADA_HOME``, else the platform's folder for application data.

    Raises:
        BancadaError: ``home.unknown`` for a user without any.
    """
    try:
        return _default_home()
    except RuntimeError as error:  # pathlib's word for it
        raise BancadaError("home.unknown") from error


def _default_home() -> Path:
    named = os.environ.get("BANCADA_HOME")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData/Local"))) / "Bancada"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/Bancada"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(base) / "bancada"


def resources() -> Path:
    """The folder with icons, style sheet, fonts, prompts and suites, installed or in the source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "resources"
    return installed if installed.is_dir() else package.parent.parent / "resources"
