"""The rules of admission: whose signatures count, how many are needed, how old a bundle may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from bancada.catalog.bundles.keys import has_expired
from bancada.catalog.bundles.manifest import Manifest
from bancada.catalog.bundles.signatures import Signature, fingerprint_text, is_right
from bancada.core.errors import BancadaError
from bancada.storage import bundles, settings, signing_keys
from bancada.storage.connection import Database
from bancada.storage.signing_keys import KeyRecord

REQUIRED: Final = "bundles.signatures_required"

Standing = Literal["trusted", "unknown", "revoked", "expired", "wrong"]


Rule = Literal["expiry", "signatures", "signers", "order"]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and why it refuses the bundle, or None."""

    rule: Rule
    problem: BancadaError | None


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed; ``name`` and ``expires_at`` are empty for an unknown key."""

    key_id: str
    name: str
    standing: Standing
    expires_at: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of a bundle: each key counts once. ``last`` is the issuer's newest number here."""

    bundle_id: str
    manifest: Manifest
    signers: tuple[Signer, ...]
    needed: int
    last: int
    admitted_before: bool
    at: datetime

    @property
    def valid(self) -> int:
        """How many trusted keys signed it."""
        return sum(one.standing == "trusted" for one in self.signers)

    def checks(self) -> tuple[Check, ...]:
        """Every rule that can refuse the bundle for good, in the order in which they are asked."""
        issuer = next((one for one in self.signers if one.key_id == self.manifest.issuer), None)
        return (
            Check("expiry", self._expiry()),
            Check("signatures", self._signatures(issuer)),
            Check("signers", self._known(issuer)),
            Check("order", self._order(issuer)),
        )

    def problem(self) -> BancadaError | None:
        """The first rule that refuses it for good, or None; a missing second signature is another matter."""
        return next((one.problem for one in self.checks() if one.problem is not None), None)

    def check(self) -> None:
        """Raise what :meth:`problem` says."""
        problem = self.problem()
        if problem is not None:
            raise problem

    def waiting(self) -> BancadaError | None:
        """``bundle.second_signature_missing`` when it needs more signatures than it has, else None."""
        if self.valid >= self.needed:
            return None
        return BancadaError(
            "bundle.second_signature_missing",
            bundle=self.bundle_id[:12],
            valid=self.valid,
            needed=self.needed,
        )

    def _expiry(self) -> BancadaError | None:
        expires_at = self.manifest.expires_at
        if expires_at is not None and self.manifest.has_expired(self.at):
            return BancadaError("bundle.expired", expires_at=expires_at[:10])
        return None

    def _signatures(self, issuer: Signer | None) -> BancadaError | None:
        for one in self.signers:
            if one.standing == "wrong":
                return BancadaError("bundle.signature_wrong", name=one.name)
        if self.needed and issuer is None:
            return BancadaError("bundle.unsigned", needed=self.needed)
        return None

    def _known(self, issuer: Signer | None) -> BancadaError | None:
        if issuer is None or issuer.standing in ("trusted", "wrong"):
            return None
        # a revoked issuer never, even where unsigned bundles may come in
        return _refusal(issuer) if self.needed or issuer.standing == "revoked" else None

    def _order(self, issuer: Signer | None) -> BancadaError | None:
        if issuer is None or issuer.standing != "trusted" or self.admitted_before:
            return None
        if self.manifest.sequence > self.last:
            return None
        return BancadaError("bundle.older", sequence=self.manifest.sequence, name=issuer.name, last=self.last)


def judge(
    database: Database,
    bundle_id: str,
    content: bytes,
    manifest: Manifest,
    signatures: Iterable[Signature],
    *,
    at: datetime | None = None,
) -> Judgement:
    """Look at every signature on the manifest's bytes ``content``, those given here included."""
    at = at or datetime.now(UTC)
    known = {one.id: one for one in signing_keys.list_keys(database)}
    stored = [Signature(*pair) for pair in bundles.signatures(database, bundle_id).items()]
    every = {one.key_id: one for one in (*stored, *signatures)}
    signers = tuple(_signer(one, known.get(one.key_id), content, at) for one in every.values())
    issuer = known.get(manifest.issuer)
    before = bundles.lookup(database, bundle_id)
    return Judgement(
        bundle_id=bundle_id,
        manifest=manifest,
        signers=signers,
        needed=int(settings.get(database, REQUIRED)),
        last=issuer.last_admitted if issuer else 0,
        admitted_before=before is not None and before.state == "admitted",
        at=at,
    )


def _signer(signature: Signature, record: KeyRecord | None, content: bytes, at: datetime) -> Signer:
    if record is None:
        return Signer(signature.key_id, "", "unknown")
    standing: Standing = "trusted"
    if not is_right(record.public_key, signature.signature, content):
        standing = "wrong"
    elif record.trust == "revoked":
        standing = "revoked"
    elif has_expired(record, at):
        standing = "expired"
    return Signer(record.id, record.name, standing, record.expires_at or "")


def _refusal(signer: Signer) -> BancadaError:
    if signer.standing == "revoked":
        return BancadaError("bundle.signer_revoked", name=signer.name)
    if signer.standing == "expired":
        return BancadaError("bundle.signer_expired", name=signer.name, expires_at=signer.expires_at[:10])
    return BancadaError("bundle.signer_unknown", key=fingerprint_text(signer.key_id))
