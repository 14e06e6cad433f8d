"""The session ``template``: renders a model's chat template with an example, within its limits."""

from __future__ import annotations

from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.engines.chat_template import ChatTemplate
from bancada.inference.preview import BEGINNING, END, Preview, PreviewParams
from bancada.jobs.codec import encode
from bancada.jobs.job_context import CallContext, JobContext
from bancada.storage import models

#: characters of a prompt that anybody reads
_SHOWN: Final = 20_000


class TemplatePreview:
    """Answers when it is opened."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx

    def open(self, params: PreviewParams) -> Any:
        """Render the template of a version.

        Raises:
            BancadaError: ``model.not_found``, ``model.no_chat_template``, ``model.template_refused``,
                ``prompt.refused_by_template``.
        """
        version = models.get_version(self._ctx.database, params.version_id)
        if version.chat_template is None:
            raise BancadaError("model.no_chat_template")
        template = ChatTemplate(version.chat_template, bos=BEGINNING, eos=END)
        without_system = False
        try:
            text = template.render(params.messages)
        except BancadaError as error:
            rest = [one for one in params.messages if one.role != "system"]
            if error.code != "prompt.refused_by_template" or len(rest) == len(params.messages):
                raise
            text, without_system = template.render(rest), True
        return encode(Preview(text[:_SHOWN], without_system, len(text) > _SHOWN))

    def call(self, call: CallContext, name: str, payload: Any) -> Any:
        """There is nothing to call."""
        raise BancadaError(
            "message.malformed", field=f"call {call.id}", value=f"{name}: {type(payload).__name__}"
        )

    def close(self) -> None:
        """Nothing is held."""
