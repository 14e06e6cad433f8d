"""The part of onnxruntime's quantization tools that Bancada uses."""

from enum import Enum
from pathlib import Path

class QuantType(Enum):
    QInt8 = 0
    QUInt8 = 1

def quantize_dynamic(
    model_input: Path,
    model_output: Path,
    *,
    per_channel: bool = False,
    reduce_range: bool = False,
    weight_type: QuantType = ...,
) -> None: ...
