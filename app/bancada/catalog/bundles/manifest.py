"""The manifest: what is in a bundle. Its bytes are canonical, because signatures are over them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from bancada.catalog.bundles.names import check_names
from bancada.core.errors import BancadaError
from bancada.jobs.codec import decode, encode

FORMAT: Final = "bancada-bundle"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 8 << 20
MAX_FILES: Final = 10_000
MAX_MODELS: Final = 1_000
MAX_PARTS: Final = 9_999
MAX_TEXT: Final = 4_000
MAX_PAPERS: Final = 10
MAX_CATALOGUE: Final = 4 << 20
MAX_PAPER: Final = 100_000
MAX_CERTIFICATES: Final = 10
MAX_REPORT: Final = 200_000
MAX_FILE_BYTES: Final = 1 << 50
#: the smallest part, and one that FAT32 can hold (its files end below 4 GiB)
MIN_PART_BYTES: Final = 1 << 20
FAT32_PART_BYTES: Final = 4095 << 20
FORMATS: Final = frozenset({"gguf", "onnx", "hf"})

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
_VERDICTS: Final = frozenset({"green", "amber", "red"})
#: what a later version may call a kind of content, such as ``collections``; anything else is damage
_KIND: Final = re.compile(r"[a-z][a-z_]{1,31}")
_MAX_KINDS: Final = 5


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a model. ``parts`` holds the sha256 of each part, and is empty for a file in one piece."""

    path: str
    sha256: str
    size_bytes: int
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ancestor:
    """What a model was made of; ``produced_by`` says by which run, for people."""

    name: str
    version: int
    sha256: str
    format: str
    quantization: str
    produced_by: str = ""


@dataclass(frozen=True, slots=True)
class BundleCertificate:
    """What was found when the model was compared with its source: the report's very text, which it names.

    ``key_id`` and ``signature`` are empty for one that is not signed.
    """

    report: str
    key_id: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class BundleModel:
    """One model version.

    ``lineage`` begins with the model that it was made of; ``sha256`` is that of its one file, or of the
    sorted ``sha256  path`` list of a folder. ``papers`` holds its licence and its card as text, by name.
    """

    name: str
    version: int
    format: str
    architecture: str
    quantization: str
    parameters: int
    context_length: int
    license: str
    source: str
    sha256: str
    files: tuple[BundleFile, ...]
    produced_by: str = ""
    lineage: tuple[Ancestor, ...] = ()
    papers: dict[str, str] = field(default_factory=dict)
    certificates: tuple[BundleCertificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A bundle's content.

    ``serial`` tells two bundles of the same content apart; ``sequence`` counts the bundles of ``issuer``,
    a key's id; without a key the issuer is empty and the sequence 0. ``catalogue`` is the very text of an
    edition of the catalogue of models, empty for none.
    """

    format: str
    version: int
    serial: str
    title: str
    created_at: str
    expires_at: str | None
    issuer: str
    sequence: int
    made_by: str
    part_bytes: int
    bom: BundleFile
    models: tuple[BundleModel, ...]
    catalogue: str = ""

    @property
    def size_bytes(self) -> int:
        """What its files take on the disk, each content once."""
        return sum(one.size_bytes for one in self.contents())

    def contents(self) -> list[BundleFile]:
        """The models' files, each content once, in a fixed order."""
        return list({one.sha256: one for model in self.models for one in model.files}.values())

    def has_expired(self, at: datetime) -> bool:
        """Whether the bundle's day is over."""
        return self.expires_at is not None and at > parse_time(self.expires_at)


@dataclass(frozen=True, slots=True)
class Piece:
    """One file in the bundle's folder: ``name`` is relative; ``start`` is its place in the whole file."""

    name: str
    sha256: str
    start: int
    size_bytes: int


def pieces(file: BundleFile, part_bytes: int) -> Iterator[Piece]:
    """Where the content of ``file`` lies: names are made from hashes, never from what a manifest says."""
    if not file.parts:
        yield Piece(f"files/{file.sha256}", file.sha256, 0, file.size_bytes)
        return
    for index, sha256 in enumerate(file.parts):
        start = index * part_bytes
        size = min(part_bytes, file.size_bytes - start)
        yield Piece(f"files/{file.sha256}.{index + 1:04d}", sha256, start, size)


def part_count(size_bytes: int, part_bytes: int) -> int:
    """How many parts a file has; 0 when it is in one piece."""
    return 0 if size_bytes <= part_bytes else -(-size_bytes // part_bytes)


def to_bytes(manifest: Manifest) -> bytes:
    """The canonical form: sorted keys, no white space, ASCII, one line."""
    data = encode(manifest)
    for model in data["models"]:
        # bundles were made before there were certificates, and must stay what was signed
        if not model["certificates"]:
            del model["certificates"]
    if not data["catalogue"]:
        del data["catalogue"]
    return _canonical(data)


def parse(content: bytes) -> Manifest:
    """Read a manifest that may be hostile.

    Raises:
        BancadaError: ``bundle.too_large``, ``bundle.malformed``, ``bundle.newer``, ``bundle.newer_content``,
            ``bundle.unsafe_path``.
    """
    if len(content) > MAX_MANIFEST_BYTES:
        raise BancadaError(
            "bundle.too_large", path=MANIFEST, size=f"{len(content):,} bytes", limit=f"{MAX_MANIFEST_BYTES:,}"
        )
    data = parse_json(content, MANIFEST)
    if data.get("format") != FORMAT:
        raise malformed("it is not a bundle's manifest")
    version = data.get("version")
    if type(version) is int and version > VERSION:
        raise BancadaError("bundle.newer", found=str(version)[:20], known=VERSION)
    _check_known(data)
    # what decoding fills in by itself would not be under the signature
    try:
        manifest = decode(Manifest, data)
    except BancadaError as error:
        raise malformed(f"{error.params['field']} is {error.params['value']}"[:300]) from error
    if to_bytes(manifest) != content:
        raise malformed("it is not in its canonical form")
    _check(manifest)
    return manifest


def _check_known(data: dict[str, Any]) -> None:
    """Refuse what a later format carries besides models: a part that is left out is not what was signed."""
    further = sorted(set(data) - {one.name for one in fields(Manifest)})
    if further and all(_KIND.fullmatch(one) for one in further):
        raise BancadaError("bundle.newer_content", items=", ".join(further[:_MAX_KINDS]))
    models = data.get("models")
    for model in models if isinstance(models, list) else []:
        kind = model.get("format") if isinstance(model, dict) else None
        if isinstance(kind, str) and kind not in FORMATS and _KIND.fullmatch(kind):
            raise BancadaError("bundle.newer_content", items=f"a model of the format {kind}")


def parse_json(content: bytes, path: str) -> dict[str, Any]:
    """An object of JSON; raises BancadaError ``bundle.malformed`` for anything else."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise malformed("it is no JSON", path) from error
    if not isinstance(data, dict):
        raise malformed("it is no object", path)
    return data


def facts_of(certificate: BundleCertificate, model_sha256: str) -> tuple[str, str]:
    """The verdict and the source's sha256 that a certificate's report states of the model.

    Raises:
        BancadaError: ``bundle.malformed`` when it is none, or of another file.
    """
    if len(certificate.report) > MAX_REPORT or not certificate.report.isascii():
        raise malformed("a certificate is too long or no text")
    report = parse_json(certificate.report.encode(), "a certificate in it")
    subject, source, verdict = report.get("subject"), report.get("source"), report.get("verdict")
    if not isinstance(subject, dict) or subject.get("sha256") != model_sha256:
        raise malformed("a certificate is of another file")
    origin = source.get("sha256") if isinstance(source, dict) else None
    if not isinstance(origin, str) or not is_sha256(origin) or str(verdict) not in _VERDICTS:
        raise malformed("a certificate says nothing")
    signed = is_sha256(certificate.key_id) and _SIGNATURE.fullmatch(certificate.signature) is not None
    if not signed and (certificate.key_id or certificate.signature):
        raise malformed("a certificate's signature is none")
    return str(verdict), origin


def malformed(detail: str, path: str = MANIFEST) -> BancadaError:
    """The error for a file of a bundle that says what it may not say."""
    return BancadaError("bundle.malformed", path=path, detail=detail)


def parse_time(text: str) -> datetime:
    """A time with its zone; raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    return at.astimezone(UTC)


def is_sha256(text: str) -> bool:
    """Whether ``text`` is 64 hexadecimal digits in small letters."""
    return _SHA256.fullmatch(text) is not None


def _canonical(data: Any) -> bytes:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def _check(manifest: Manifest) -> None:
    if manifest.version != VERSION:
        raise malformed("its version is not known")
    if not (manifest.models or manifest.catalogue) or len(manifest.models) > MAX_MODELS:
        raise malformed(f"it lists {len(manifest.models)} models")
    if sum(len(model.files) for model in manifest.models) > MAX_FILES:
        raise malformed(f"it lists more than {MAX_FILES} files")
    if not MIN_PART_BYTES <= manifest.part_bytes <= MAX_FILE_BYTES:
        raise malformed("its parts have an impossible size")
    if bool(manifest.issuer) != (manifest.sequence > 0) or not is_sha256(manifest.issuer or "0" * 64):
        raise malformed("its issuer and its number do not fit")
    _check_texts(replace(manifest, catalogue=""))
    if (
        len(manifest.catalogue) > MAX_CATALOGUE
        or "\0" in manifest.catalogue
        or not _encodes(manifest.catalogue)
    ):
        raise malformed("its catalogue is too long or no text")
    for time in (manifest.created_at, manifest.expires_at):
        try:
            if time is not None:
                parse_time(time)
        except (ValueError, OverflowError) as error:
            raise malformed("a time in it is no time") from error
    if manifest.bom.parts or not is_sha256(manifest.bom.sha256):
        raise malformed("its bill of materials is none")
    _check_contents(manifest)
    for model in manifest.models:
        _check_model(model, manifest.part_bytes)


def _check_texts(record: Any) -> None:
    """Texts are short and can be stored and shown; numbers fit the database."""
    for one in fields(record):
        value = getattr(record, one.name)
        if isinstance(value, str):
            if len(value) > MAX_TEXT or any(ord(each) < 32 for each in value) or not _encodes(value):
                raise malformed(f"{one.name} is no text of one line")
        elif isinstance(value, int) and not 0 <= value <= MAX_FILE_BYTES:
            raise malformed(f"{one.name} is an impossible number")


def _check_model(model: BundleModel, part_bytes: int) -> None:
    _check_texts(model)
    for one in model.lineage:
        _check_texts(one)
    if not all(is_sha256(one) for one in (model.sha256, *(each.sha256 for each in model.lineage))):
        raise malformed("a model's sha256 is none")
    check_names(model.papers)
    if len(model.papers) > MAX_PAPERS or any(
        len(text) > MAX_PAPER or "\0" in text or not _encodes(text) for text in model.papers.values()
    ):
        raise malformed("a model's licence or card is too long or no text")
    if len(model.certificates) > MAX_CERTIFICATES:
        raise malformed(f"a model has {len(model.certificates)} certificates")
    for certificate in model.certificates:
        facts_of(certificate, model.sha256)
    if model.format not in FORMATS:
        raise malformed(f"a model has the format {model.format[:40]!r}")
    if not model.files or (model.format == "gguf" and len(model.files) != 1):
        raise malformed(f"the model {model.name[:80]!r} has {len(model.files)} files")
    check_names(one.path for one in model.files)
    for file in model.files:
        _check_file(file, part_bytes)


def _encodes(text: str) -> bool:
    """Whether the text can be stored: no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_file(file: BundleFile, part_bytes: int) -> None:
    if not is_sha256(file.sha256) or not all(is_sha256(one) for one in file.parts):
        raise malformed("a file's sha256 is none")
    if not 0 <= file.size_bytes <= MAX_FILE_BYTES:
        raise malformed("a file has an impossible size")
    expected = part_count(file.size_bytes, part_bytes)
    if len(file.parts) != expected or expected > MAX_PARTS:
        raise malformed("a file's parts do not add up to it")


def _check_contents(manifest: Manifest) -> None:
    """The same content is told in the same way wherever it is told."""
    seen: dict[str, tuple[int, tuple[str, ...]]] = {}
    for model in manifest.models:
        for one in model.files:
            if seen.setdefault(one.sha256, (one.size_bytes, one.parts)) != (one.size_bytes, one.parts):
                raise malformed("the same file is said to have two sizes")
