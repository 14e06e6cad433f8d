"""A look at every tensor of a file, alone and beside its source's: damage is found and named.

A converted or quantized tensor stays close to what it was made from, and how close depends on its type
alone; one that was zeroed is at the relative distance 1, one that belongs elsewhere at about 1.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from bancada.catalog.gguf_header import TensorInfo
from bancada.core.errors import Canceled
from bancada.engines.tensor_values import TensorFile
from bancada.quantization.certificate import TensorFault, TensorFindings

#: (bytes done, of all)
OnBytes = Callable[[int, int], None]

#: bits per weight -> the relative error that a sound tensor of such a type stays below: about three times
#: what rounding normally distributed weights costs. Beyond the last one nothing but loss of all is seen
_LIMITS: Final = (
    (1.8, 0.97),
    (2.4, 0.93),
    (3.0, 0.8),
    (3.9, 0.6),
    (4.9, 0.4),
    (6.0, 0.2),
    (9.0, 0.08),
    (99.0, 0.02),
)
#: what a tensor holds instead is looked for among the damaged ones only, and not among endlessly many
_MAX_SWAPPED: Final = 64


class _Sums:
    """Running sums over a tensor and its counterpart."""

    def __init__(self) -> None:
        self.bad = 0
        self.own = 0.0
        self.other = 0.0
        self.apart = 0.0

    @property
    def error(self) -> float | None:
        """The relative error; None for a counterpart of zeros or without finite values."""
        if not self.other or not math.isfinite(self.apart) or not math.isfinite(self.other):
            return None
        return math.sqrt(self.apart / self.other)


def check_tensors(
    result: Path, source: Path | None, on_bytes: OnBytes, should_stop: Callable[[], bool]
) -> TensorFindings:
    """Read both files once and compare tensor by tensor.

    Args:
        result: the GGUF file that is judged.
        source: the GGUF file it was made from, None where there is none of that format.
        on_bytes: told of the progress.
        should_stop: polled between pieces.

    Raises:
        BancadaError: ``model.*`` for a file that is none or cannot be read.
        Canceled: ``should_stop`` said so.
    """
    ours = TensorFile(result)
    theirs: TensorFile | None = None
    try:
        theirs = TensorFile(source) if source is not None else None
        return _Check(ours, theirs, on_bytes, should_stop).run()
    finally:
        ours.close()
        if theirs is not None:
            theirs.close()


class _Check:
    def __init__(
        self,
        ours: TensorFile,
        theirs: TensorFile | None,
        on_bytes: OnBytes,
        should_stop: Callable[[], bool],
    ) -> None:
        self._ours, self._theirs = ours, theirs
        self._should_stop = should_stop
        self._on_bytes = on_bytes
        self._total = ours.header.tensor_bytes + (theirs.header.tensor_bytes if theirs else 0)
        self._done = 0
        self._faults: list[TensorFault] = []
        self._source_faults: list[TensorFault] = []
        self._errors: dict[str, float] = {}
        self._compared = 0

    def run(self) -> TensorFindings:
        strange: list[tuple[TensorInfo, float]] = []
        for one in self._ours.header.tensors:
            error = self._look(one)
            if error is not None and error > limit_of(one):
                strange.append((one, error))
        self._missing()
        self._faults += [self._name_fault(one, error, strange) for one, error in strange]
        return TensorFindings(
            len(self._ours.tensors),
            self._compared,
            tuple(self._faults),
            tuple(self._source_faults),
            dict(sorted(self._errors.items())),
        )

    def _look(self, one: TensorInfo) -> float | None:
        """Note what is wrong with a tensor by itself; return its distance when it has one to be judged."""
        twin = self._twin(one)
        sums = self._sums(one, self._theirs, twin)
        self._advance(one.size_bytes + (twin.size_bytes if twin else 0))
        if twin is not None and not math.isfinite(sums.other):
            self._source_faults.append(TensorFault(twin.name, twin.type, "not_finite"))
        if sums.bad:
            self._faults.append(TensorFault(one.name, one.type, "not_finite", count=sums.bad))
            return None
        if twin is None:
            if sums.own == 0.0 and one.elements > 1 and self._theirs is None:
                self._source_faults.append(TensorFault(one.name, one.type, "zero"))
            return None
        self._compared += 1
        if sums.own == 0.0 and sums.other != 0.0:
            self._faults.append(TensorFault(one.name, one.type, "zero", count=one.elements))
            return None
        error = sums.error
        if error is not None and error <= limit_of(one):
            self._errors[one.type] = max(error, self._errors.get(one.type, 0.0))
        return error

    def _twin(self, one: TensorInfo) -> TensorInfo | None:
        twin = self._theirs.tensors.get(one.name) if self._theirs else None
        return twin if twin is not None and twin.dimensions == one.dimensions else None

    def _sums(self, one: TensorInfo, file: TensorFile | None, twin: TensorInfo | None) -> _Sums:
        sums = _Sums()
        mine = self._ours.pieces(one)
        others = file.pieces(twin) if file is not None and twin is not None else None
        with np.errstate(over="ignore", invalid="ignore"):
            for values in mine:
                if self._should_stop():
                    raise Canceled
                square = float(np.dot(values, values))
                if not math.isfinite(square):
                    sums.bad += int(np.count_nonzero(~np.isfinite(values)))
                    square = float(np.dot(values, values.astype(np.float64)))
                sums.own += square
                if others is not None:
                    reference = next(others)
                    sums.other += float(np.dot(reference, reference))
                    difference = values - reference
                    sums.apart += float(np.dot(difference, difference))
        return sums

    def _missing(self) -> None:
        if self._theirs is None:
            return
        for name, one in self._theirs.tensors.items():
            # an output matrix that is the embedding may be written out or left out
            if name not in self._ours.tensors and name not in ("output.weight", "rope_freqs.weight"):
                self._faults.append(TensorFault(name, one.type, "missing"))

    def _name_fault(
        self, one: TensorInfo, error: float, strange: list[tuple[TensorInfo, float]]
    ) -> TensorFault:
        for other, _ in strange[:_MAX_SWAPPED]:
            if other.name == one.name or other.dimensions != one.dimensions or self._theirs is None:
                continue
            found = self._sums(one, self._theirs, self._theirs.tensors[other.name]).error
            if found is not None and found <= limit_of(one):
                return TensorFault(one.name, one.type, "swapped", error=error, holds=other.name)
        return TensorFault(one.name, one.type, "different", error=error)

    def _advance(self, count: int) -> None:
        self._done += count
        self._on_bytes(min(self._done, self._total), self._total)


def limit_of(tensor: TensorInfo) -> float:
    """The relative error beyond which a tensor of this type is damaged."""
    bits = 8 * tensor.size_bytes / tensor.elements
    return next(limit for most, limit in _LIMITS if bits < most)
