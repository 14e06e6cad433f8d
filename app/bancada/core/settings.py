"""What can be set: every key with its type, default, range and description."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bancada.core.errors import BancadaError

TEXT_LIMIT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Setting:
    """One key. ``kind`` is ``bool``, ``int``, ``float`` or ``str``; ``low`` and ``high`` bound numbers."""

    kind: type
    default: Any
    description: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


SETTINGS: Final[Mapping[str, Setting]] = {
    "appearance.theme": Setting(
        str, "system", "Colours of the window.", choices=("system", "light", "dark", "contrast")
    ),
    "appearance.scale": Setting(float, 1.0, "Size of text and controls, 1 is normal.", low=0.75, high=2.5),
    "language": Setting(
        str, "system", "Language of the window, such as en or pt; system follows the desktop."
    ),
    "chat.context": Setting(int, 4096, "Context of a new model session, in tokens.", low=256, high=1_048_576),
    "chat.idle_minutes": Setting(
        int, 15, "Minutes after which a model that nobody uses is closed; 0 keeps it.", low=0, high=1440
    ),
    "jobs.memory_check": Setting(
        kind=bool,
        default=True,
        description="Compare a job's memory forecast with what is free before it starts.",
    ),
    "network.sealed": Setting(kind=bool, default=True, description="Nothing leaves this machine."),
    "hub.endpoint": Setting(
        str, "https://huggingface.co", "Where models are searched and downloaded: a hub, or an office mirror."
    ),
    "hub.proxy": Setting(str, "", "Proxy for downloads, such as http://proxy:3128; empty: none."),
    "hub.ca_file": Setting(
        str, "", "A file with further certificate authorities (PEM) that downloads trust; empty: none."
    ),
    "hub.bandwidth_kb_per_s": Setting(
        int, 0, "Most kilobytes a second that a download takes; 0: no limit.", low=0, high=100_000_000
    ),
    "hub.parallel_files": Setting(int, 3, "Files that one download fetches at once.", low=1, high=8),
    "mirror.port": Setting(int, 8765, "Port of the office mirror; 0: any free one.", low=0, high=65_535),
    "mirror.lan": Setting(
        kind=bool,
        default=False,
        description="The office mirror may be reached by other machines, if the network is not sealed.",
    ),
    "bundles.signatures_required": Setting(
        int, 1, "Signatures by trusted keys that a transfer bundle needs; 2: four eyes.", low=0, high=2
    ),
    "mirror.names": Setting(
        str, "", "Further names under which clients know this machine's mirror, separated by commas."
    ),
    "models.link_on_import": Setting(
        kind=bool,
        default=True,
        description="Import by hard link where possible, so that a model takes no space twice.",
    ),
    "models.starter_offered": Setting(
        kind=bool, default=False, description="The starter model was put into the library once."
    ),
    "playground.parameters": Setting(str, "{}", "The parameters last used in the Playground, as JSON."),
    "playground.preset": Setting(str, "", "The preset last used in the Playground."),
    "playground.model": Setting(str, "", "The model last used in the Playground."),
    "playground.show_probabilities": Setting(
        kind=bool, default=False, description="Colour the tokens of an answer by probability."
    ),
    "playground.charts": Setting(
        kind=bool, default=True, description="Draw time per token and memory under a conversation."
    ),
    **{
        f"window.{page}": Setting(
            str, "{}", f"Splitters, folded panes and tables of the page {page}, as JSON."
        )
        for page in (
            "playground",
            "models",
            "models.catalogue",
            "models.hub",
            "models.transfer",
            "quantize",
            "benchmark",
            "jobs",
        )
    },
    "window.models_view": Setting(str, "library", "The view of the Models page that was open last."),
    "window.page": Setting(str, "home", "The page that was open last."),
}


def check(key: str, value: Any) -> Any:
    """Return ``value`` as the key's type (a whole number is a good float).

    Raises:
        BancadaError: ``settings.unknown``, ``settings.wrong_type``, ``settings.not_a_choice``,
            ``settings.out_of_range`` or ``settings.too_long``.
    """
    setting = SETTINGS.get(key)
    if setting is None:
        raise BancadaError("settings.unknown", key=str(key)[:200])
    # an integer of 400 digits is no float: it stays what it is, and its type is refused
    if setting.kind is float and type(value) is int and abs(value) < 1 << 53:
        value = float(value)
    if type(value) is not setting.kind or (isinstance(value, float) and not math.isfinite(value)):
        raise BancadaError(
            "settings.wrong_type", key=key, expected=setting.kind.__name__, value=_shown(value)
        )
    if setting.choices and value not in setting.choices:
        raise BancadaError(
            "settings.not_a_choice", key=key, value=_shown(value), choices=", ".join(setting.choices)
        )
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        raise BancadaError("settings.too_long", key=key, length=len(value), limit=TEXT_LIMIT)
    if isinstance(value, int | float) and not _in_range(setting, value):
        raise BancadaError(
            "settings.out_of_range", key=key, value=_shown(value), low=setting.low, high=setting.high
        )
    return value


def _in_range(setting: Setting, value: float) -> bool:
    return (setting.low is None or value >= setting.low) and (setting.high is None or value <= setting.high)


def _shown(value: Any) -> str:
    # repr of an integer beyond 4300 digits raises ValueError
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return "a number of more than 64 bits"
    return repr(value)[:80]
