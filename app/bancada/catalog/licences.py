"""What the licences of models ask of those who use them, in plain words; no legal advice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bancada.storage.models import VersionRecord

_NAME: Final = re.compile(r"(^|/)(licen[cs]e|copying|notice)[^/]*$", re.IGNORECASE)
_NOTICE: Final = "Keep the copyright notice and the licence's text with every copy."
_STATE: Final = "Say what you changed."
_ATTRIBUTE: Final = "Name the authors wherever you pass it or its adaptations on."


@dataclass(frozen=True, slots=True)
class Licence:
    """A known licence. ``commercial``: whether work for money is allowed without asking."""

    name: str
    commercial: bool
    obligations: tuple[str, ...]


#: by beginnings of the identifiers that model files state, the longest first
KNOWN: Final[Mapping[str, Licence]] = {
    "apache-2.0": Licence("Apache License 2.0", commercial=True, obligations=(_NOTICE, _STATE)),
    "mit": Licence("MIT License", commercial=True, obligations=(_NOTICE,)),
    "bsd": Licence("BSD License", commercial=True, obligations=(_NOTICE,)),
    "isc": Licence("ISC License", commercial=True, obligations=(_NOTICE,)),
    "cc0": Licence("Creative Commons Zero", commercial=True, obligations=()),
    "cc-by-nc": Licence(
        "Creative Commons Attribution-NonCommercial", commercial=False,
        obligations=(_ATTRIBUTE, "Do not use it for money or in paid work."),
    ),
    "cc-by-sa": Licence(
        "Creative Commons Attribution-ShareAlike", commercial=True,
        obligations=(_ATTRIBUTE, "Pass adaptations on under the same licence."),
    ),
    "cc-by": Licence("Creative Commons Attribution", commercial=True, obligations=(_ATTRIBUTE,)),
    "llama": Licence(
        "Llama Community License", commercial=True,
        obligations=(
            "Show \"Built with Llama\"; the name of what you train with it begins with \"Llama\".",
            "Follow Meta's policy of acceptable use.",
            "Above 700 million users a month, ask Meta first.",
        ),
    ),
    "gemma": Licence(
        "Gemma Terms of Use", commercial=True,
        obligations=("Pass the terms and the prohibited uses on with every copy and adaptation.", _STATE),
    ),
    "openrail": Licence(
        "Open RAIL", commercial=True,
        obligations=("Do not use it for what the licence lists as harmful, and pass that list on.",),
    ),
    "gpl": Licence(
        "GNU General Public License", commercial=True,
        obligations=("Pass copies and adaptations on under the same licence, with their sources.",),
    ),
}  # fmt: skip


def known(stated: str) -> Licence | None:
    """The licence that a model's file states by an identifier such as ``apache-2.0``, None for others."""
    text = re.sub(r"[\s_]+", "-", stated.strip().lower()).removesuffix("-license")
    text = {"apache": "apache-2.0", "apache2": "apache-2.0", "apache-license-2.0": "apache-2.0"}.get(
        text, text
    )
    found = [one for one in KNOWN if re.fullmatch(rf"{re.escape(one)}(?:[-.\d].*)?", text)]
    return KNOWN[max(found, key=len)] if found else None


def texts(version: VersionRecord) -> dict[str, str]:
    """The licence texts that came with a model, by the name of the file."""
    papers: Any = version.metadata.get("papers")
    if not isinstance(papers, dict):
        return {}
    return {str(name): str(text) for name, text in papers.items() if _NAME.search(str(name))}
