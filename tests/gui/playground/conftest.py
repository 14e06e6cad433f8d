"""A playground page in a real window, and models that answer by a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from bancada.context import AppContext
from bancada.gui.desk import Desk
from bancada.gui.pages.playground.page import PlaygroundPage
from bancada.storage import models
from bancada.storage.models import FileRecord, NewVersion, VersionRecord

AddModel = Callable[..., VersionRecord]


@pytest.fixture
def add_model(context: AppContext) -> AddModel:
    """Adds a scripted model to the library; keywords are those of the script."""

    def add(name: str = "Scripted", *, context_length: int = 8_192, **script: Any) -> VersionRecord:
        data = json.dumps({"answer": "Hello **you**.", **script}).encode()
        blob = context.blobs.put_bytes(data)
        new = NewVersion(
            format="scripted",
            architecture="script",
            quantization="Q4_1",
            parameters=135_000_000,
            bits_per_weight=5.0,
            layers=1,
            context_length=context_length,
            license="Apache-2.0",
            size_bytes=len(data),
            sha256=blob.sha256,
            source="test",
            chat_template="{{ messages }}",
        )
        files = [FileRecord("script.json", blob.sha256, len(data))]
        return models.add_version(context.database, name, new, files)

    return add


@pytest.fixture
def page(qapp: QApplication, desk: Desk) -> Iterator[PlaygroundPage]:
    """The page, shown in the window."""
    desk.window.resize(1280, 800)
    desk.window.show()
    desk.navigate("playground")
    made = desk.page("playground")
    assert isinstance(made, PlaygroundPage)
    yield made
    made.chat.stop()
