"""Rules, standings and states in words that an administrator can read out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtCore import QCoreApplication

from bancada.catalog.bundles.rules import Judgement, Rule, Signer
from bancada.catalog.bundles.signatures import fingerprint_text
from bancada.core.errors import BancadaError, describe
from bancada.gui.models.transfer import BundleLook, HistoryRow

Outcome = Literal["met", "refused", "waits", "skipped"]
#: outcome -> icon and colour
MARKS: Final[dict[str, tuple[str, str]]] = {
    "met": ("success", "good"),
    "refused": ("error", "bad"),
    "waits": ("clock", "warn"),
    "skipped": ("minus", "muted"),
}


def _tr(text: str) -> str:
    return QCoreApplication.translate("Transfer", text)


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule: its name, how the bundle stands to it, and why."""

    rule: str
    name: str
    outcome: Outcome
    text: str


def rule_name(rule: str) -> str:
    """What people call a rule."""
    return {
        "expiry": _tr("Rule of expiry"),
        "signatures": _tr("Rule of signatures"),
        "signers": _tr("Rule of known signers"),
        "order": _tr("Rule of order"),
        "four_eyes": _tr("Rule of four eyes"),
    }[rule]


def rule_lines(judgement: Judgement) -> list[RuleLine]:
    """Every rule with its outcome, in the order in which they are asked."""
    lines = []
    for check in judgement.checks():
        if check.problem is None:
            outcome, text = _met(check.rule, judgement)
        else:
            outcome, text = "refused", describe(check.problem.code, check.problem.params).what
        lines.append(RuleLine(check.rule, rule_name(check.rule), outcome, text))
    return [*lines, _four_eyes(judgement)]


def _met(rule: Rule, judgement: Judgement) -> tuple[Outcome, str]:
    """Why a rule does not refuse a bundle: it is met, or there is nothing to ask."""
    issuer = _issuer(judgement)
    day = judgement.manifest.expires_at
    if rule == "expiry":
        return "met", _tr("It may be used until %1.").replace("%1", day[:10]) if day else _tr(
            "It does not expire."
        )
    if issuer is None:
        return "skipped", _tr("Not asked: it is not signed by whoever made it.")
    if issuer.standing != "trusted" and not (rule == "signatures" and issuer.name):
        return "skipped", _tr("Not asked: the signer is not trusted here.")
    return "met", {
        "signatures": _tr("The signature fits what is in the bundle."),
        "signers": _tr("%1 is trusted here.").replace("%1", issuer.name),
        "order": _order(judgement, issuer),
    }[rule]


def _order(judgement: Judgement, issuer: Signer) -> str:
    if judgement.admitted_before:
        return _tr("This very bundle was admitted before; it may come again.")
    text = _tr("Number %1 of %2; the newest that was admitted here is %3.")
    if not judgement.last:
        text = _tr("Number %1 of %2; none of them was admitted here before.")
    return (
        text.replace("%1", str(judgement.manifest.sequence))
        .replace("%2", issuer.name)
        .replace("%3", str(judgement.last))
    )


def _four_eyes(judgement: Judgement) -> RuleLine:
    name = rule_name("four_eyes")
    if judgement.needed < 2:
        return RuleLine("four_eyes", name, "skipped", _tr("Not asked here: one person decides."))
    if judgement.problem() is not None:
        return RuleLine("four_eyes", name, "skipped", _tr("Not asked: another rule refuses it."))
    text = _tr("%1 of %2 signatures.")
    text = text.replace("%1", str(judgement.valid)).replace("%2", str(judgement.needed))
    if judgement.waiting() is None:
        return RuleLine("four_eyes", name, "met", text)
    more = _tr("It is received and checked, then waits until a second person approves it.")
    return RuleLine("four_eyes", name, "waits", f"{text} {more}")


def _issuer(judgement: Judgement) -> Signer | None:
    return next((one for one in judgement.signers if one.key_id == judgement.manifest.issuer), None)


def refusing_rule(error: BancadaError) -> str:
    """The name of the rule that an error is about; empty when it is about the files."""
    rule = {
        "bundle.expired": "expiry",
        "bundle.unsigned": "signatures",
        "bundle.signature_wrong": "signatures",
        "bundle.signer_unknown": "signers",
        "bundle.signer_revoked": "signers",
        "bundle.signer_expired": "signers",
        "bundle.older": "order",
        "bundle.second_signature_missing": "four_eyes",
    }.get(error.code)
    return rule_name(rule) if rule else ""


def verdict(look: BundleLook) -> tuple[str, str]:
    """The words and the tone of a bundle's chip: the first that is true."""
    problem = look.judgement.problem()
    rule = _small(refusing_rule(problem)) if problem is not None else ""
    words = (
        (problem is not None, _tr("refused by the %1").replace("%1", rule), "bad"),
        (look.state == "quarantined", _tr("waits for a second signature"), "warn"),
        (look.state == "receiving", _tr("not all of it is here"), "warn"),
        (not look.fits, _tr("the disk has no room for it"), "bad"),
        (look.judgement.waiting() is not None, _tr("will wait for a second signature"), "warn"),
        (look.state == "admitted", _tr("admitted before"), "good"),
    )
    found = next(((text, tone) for true, text, tone in words if true), None)
    return found or (_tr("may come in"), "good")


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def standing_text(standing: str) -> str:
    """How a key stands, in a word."""
    return {
        "trusted": _tr("trusted"),
        "unknown": _tr("not known here"),
        "revoked": _tr("revoked"),
        "expired": _tr("expired"),
        "wrong": _tr("wrong signature"),
    }[standing]


def standing_tone(standing: str) -> str:
    """The tone of :func:`standing_text`."""
    return {"trusted": "good", "unknown": "warn", "expired": "warn"}.get(standing, "bad")


def state_text(row: HistoryRow) -> str:
    """What became of a bundle."""
    if row.outgoing and not row.signed:
        return _tr("made, not signed")
    return {
        "admitted": _tr("admitted"),
        "quarantined": _tr("waits"),
        "receiving": _tr("not complete"),
        "stopped": _tr("stopped"),
        "refused": _tr("refused"),
        "discarded": _tr("discarded"),
        "made": _tr("made"),
    }[row.state]


def state_tone(row: HistoryRow) -> str:
    """The colour token of :func:`state_text`; empty for plain text."""
    if row.outgoing and not row.signed:
        return "warn"
    tones = {
        "admitted": "good",
        "refused": "bad",
        "quarantined": "warn",
        "receiving": "warn",
        "stopped": "warn",
    }
    return tones.get(row.state, "")


def fingerprint_lines(key_id: str) -> str:
    """A fingerprint in two lines of four groups, to be read out by telephone."""
    groups = fingerprint_text(key_id).split(" ")
    return "   ".join(groups[:4]) + "\n" + "   ".join(groups[4:])
