"""The question what a chat template makes of a conversation, answered by a worker without the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.inference.types import Message

#: the session kind that answers with :class:`Preview` as its report
TEMPLATE_PREVIEW: Final = "template"
#: what stands for the model's own texts of beginning and end
BEGINNING, END = "<bos>", "<eos>"
#: a system prompt, and a second question: what templates differ in
EXAMPLE: Final = (
    Message("system", "You answer briefly."),
    Message("user", "What is a workbench?"),
    Message("assistant", "A sturdy table to work at."),
    Message("user", "And in Portuguese?"),
)


@dataclass(frozen=True, slots=True)
class PreviewParams:
    """The version whose template is shown, with the conversation that it is given."""

    version_id: str
    messages: tuple[Message, ...] = EXAMPLE


@dataclass(frozen=True, slots=True)
class Preview:
    """The prompt as the model would get it; ``without_system`` when the template takes no system prompt.

    ``cut`` is True when it was longer than what is shown.
    """

    text: str
    without_system: bool
    cut: bool
