"""The pages under docs/ that are made from the code say what the code says now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("module", "page"),
    [
        ("bancada.storage.schema_doc", "schema.md"),
        ("bancada.jobs.protocol_doc", "job-protocol.md"),
        ("bancada.cli.docs", "cli.md"),
    ],
)
def test_page_is_up_to_date(module: str, page: str) -> None:
    made = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True, check=True).stdout
    assert made == (DOCS / page).read_text(encoding="utf-8"), "run `make docs`"
