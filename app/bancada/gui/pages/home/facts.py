"""What the home page shows, asked in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.bench.statistics import Statistics
from bancada.catalog.starter import Starter
from bancada.core.hardware import Hardware
from bancada.storage.conversations import ConversationRecord
from bancada.storage.models import VersionRecord
from bancada.storage.requests import RequestRecord

CONVERSATIONS: Final = 7
ANSWERS: Final = 6


@dataclass(frozen=True)
class Facts:
    """All that the page shows, asked in one go away from the GUI thread."""

    versions: tuple[VersionRecord, ...]
    starter: VersionRecord | None
    installed: Starter | None
    importing: bool
    conversations: tuple[ConversationRecord, ...]
    answers: tuple[RequestRecord, ...]
    ttft: Statistics | None
    prefill: Statistics | None
    decode: Statistics | None
    hardware: Hardware
