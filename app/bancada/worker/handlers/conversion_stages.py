"""The stages of one conversion: what each is told, and where its files lie in the working folder."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bancada.core import hardware
from bancada.core.paths import resources
from bancada.engines.conversion.orders import (
    CARD,
    DequantizeOrder,
    EncoderOrder,
    GeneratorOrder,
    GgufOrder,
    TrialOrder,
)
from bancada.quantization.conversion import ConversionPlan, without_code
from bancada.quantization.tools import Tools
from bancada.storage.blobs import BlobStore
from bancada.storage.models import VersionRecord


class Stages:
    """Gives each stage its order. Its input is the source, or what the stage before has made."""

    def __init__(
        self,
        blobs: BlobStore,
        version: VersionRecord,
        plan: ConversionPlan,
        *,
        configs: Mapping[str, Mapping[str, Any]],
        work: Path,
        tools: Tools,
    ) -> None:
        self._blobs = blobs
        self._version = version
        self._plan = plan
        self._work = work
        self._tools = tools
        self.check_text = resources() / "conversion" / "tokenizer_check.txt"
        self._input = (
            blobs.path(version.files[0].sha256) if version.format == "gguf" else self._source_folder(configs)
        )
        self.result = self._input

    def order(self, stage: str) -> object:
        """What the stage is told."""
        source, last = str(self._input), stage == self._plan.stages[-1]
        if stage == "dequantize":
            self.result = self._work / "hf"
            # what another stage goes on from is exact
            dtype = self._plan.type.upper() if last else "F32"
            return DequantizeOrder(
                source, str(self.result), dtype, str(self.check_text), self._version.name, self._card()
            )
        if stage == "gguf":
            self.result = self._work / "model.gguf"
            return GgufOrder(
                source=source,
                target=str(self.result),
                kind=self._plan.type,
                name=self._version.name,
                converter=str(self._tools.converter),
                tensors=int(self._version.metadata.get("tensors") or 1),
                check_text=str(self.check_text),
            )
        self.result = self._work / "onnx"
        if stage == "generator":
            cache = self._work / "cache"
            return GeneratorOrder(source, str(self.result), self._plan.type, self._plan.provider, str(cache))
        return EncoderOrder(
            source=source,
            folder=str(self.result),
            task=self._plan.task,
            precision=self._plan.type,
            features=hardware.detect().features,
            check_text=str(self.check_text),
        )

    def done(self, stage: str) -> None:
        """Remove what the stage was the last to need."""
        if self._input.is_relative_to(self._work):
            shutil.rmtree(self._input, ignore_errors=True)
        self._input = self.result
        if stage == "encoder":
            self._describe_encoder()

    def trial(self, kind: str) -> TrialOrder:
        """What the trial of the result is told."""
        return TrialOrder(str(self.result), kind)

    def warnings(self, said: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """What the user should know of what the stages found."""
        found = []
        difference = said.get("gguf", {}).get("tokenizer_difference")
        if difference:
            shown = " ".join(str(difference).split())[:60]
            found.append(
                f"The engine splits some text in another way than the model's own tokenizer: {shown}"
            )
        agreement = said.get("encoder", {}).get("agreement") or {}
        if agreement and agreement["least"] < 0.95:
            found.append(
                f"In 8 bits it agrees with the exact one by a cosine of {agreement['mean']:.3f} on average,"
                f" {agreement['least']:.3f} at the least."
            )
        return found

    def _source_folder(self, configs: Mapping[str, Mapping[str, Any]]) -> Path:
        """The source's files under their names, as links; configurations without what names program code."""
        folder = self._work / "source"
        folder.mkdir()
        for one in self._version.files:
            path = folder / one.path
            path.parent.mkdir(parents=True, exist_ok=True)
            config = configs.get(one.path)
            if config is not None and without_code(config) != config:
                path.write_text(json.dumps(without_code(config)), encoding="utf-8")
            else:
                path.symlink_to(self._blobs.path(one.sha256))
        if not (folder / CARD).exists() and self._card():
            (folder / CARD).write_text(self._card(), encoding="utf-8")
        return folder

    def _card(self) -> str:
        """A model card with the licence alone; "" where none is known."""
        name = self._version.license.lower()
        return f"---\nlicense: {name}\n---\n" if re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,60}", name) else ""

    def _describe_encoder(self) -> None:
        """Note beside the graph how its output becomes one vector or score."""
        pooling = next((one for one in self._version.files if one.path == "1_Pooling/config.json"), None)
        content: dict[str, Any] = {"task": self._plan.task}
        if pooling is not None:
            content["pooling"] = json.loads(self._blobs.path(pooling.sha256).read_bytes())
        (self.result / "encoder.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
