"""``bancada catalog``: search, show: models that could be fetched, weighed for this machine, offline."""

from __future__ import annotations

from typing import Any, Final

from bancada.catalog.catalogue.fitting import VERDICTS, QuantizationFit
from bancada.catalog.catalogue.looking import Look, look
from bancada.catalog.catalogue.records import KINDS, TERMS, Entry, Licence
from bancada.catalog.catalogue.searching import SORTS, Found, Query, search
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns, clean, whole
from bancada.core.sizes import bytes_text
from bancada.jobs.codec import encode

_VERDICTS: Final = {"fits": "fits", "tight": "tight", "large": "too large"}
_TERMS: Final = {"open": "open", "conditions": "with conditions", "research": "research only"}
_FACTS: Final = {
    "licence": "licence",
    "gated": "whether access is restricted",
    "parameters": "number of parameters",
    "shape": "measures for the memory forecast",
    "context": "context",
    "languages": "languages",
    "tools": "tool use",
    "template": "chat template",
    "vector_size": "length of the vectors",
    "files": "GGUF files",
}
_MAX_LIMIT: Final = 20_000
_MOST_LANGUAGES: Final = 40


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun(
        "catalog", "models that could be fetched, with their facts and a verdict; works offline"
    )
    parser = verbs.verb("search", "search the catalogue", _search)
    parser.add_argument("text", nargs="*", type=clean, metavar="TEXT", help="words that must all occur")
    parser.add_argument("--kind", choices=KINDS, help="what it is for")
    parser.add_argument("--language", type=clean, metavar="CODE", help="a language, such as pt, it or de")
    parser.add_argument("--licence", choices=TERMS, help="what the licence lets an office do")
    parser.add_argument("--tools", action="store_true", help="only models that call tools")
    parser.add_argument("--fits", action="store_true", help="only what this machine has memory for now")
    parser.add_argument(
        "--limit", type=whole(1, _MAX_LIMIT), default=30, metavar="N", help="models at most (default: 30)"
    )
    parser.add_argument("--sort", choices=SORTS, default="relevance", help="the order (default: relevance)")
    parser = verbs.verb("show", "show all that the catalogue says of a model", _show)
    parser.add_argument("name", type=clean, metavar="NAME", help="its name, or its short id")


def _look(invocation: Invocation) -> Look:
    with invocation.workspace() as context:
        found = look(context.database, context.home, int(context.settings.get("chat.context")))
    if found.current.problem is not None:
        invocation.console.note(f"Note: {found.current.problem}")
    return found


def _search(invocation: Invocation) -> int:
    options = invocation.options
    seen = _look(invocation)
    facets = {
        "kind": options.kind or "",
        "language": (options.language or "").lower(),
        "licence": options.licence or "",
        "tools": "yes" if options.tools else "",
    }
    hits = search(seen.catalogue, seen.found, Query(" ".join(options.text), facets), options.sort)
    if options.fits:
        hits = [one for one in hits if one.fit.verdict != VERDICTS[-1]]
    console = invocation.console
    console.document([_row(seen, one) for one in hits[: options.limit]])
    if not hits:
        console.say("Nothing in the catalogue answers that.")
        return DONE
    console.table(
        (
            "Name",
            "Id",
            "Kind",
            "Parameters",
            "Context",
            "Licence",
            "Best here",
            "File",
            "Memory",
            "Verdict",
            "",
        ),
        [_cells(seen, one) for one in hits[: options.limit]],
        right=(3, 4, 7, 8),
        optional=(2, 4, 1, 7),
    )
    more = f"; {len(hits) - options.limit} more with --limit" if len(hits) > options.limit else ""
    edition = f"Edition {seen.catalogue.edition} of {seen.catalogue.date}"
    console.say(f"{len(hits)} of {len(seen.found)} models{more}. {edition}. File sizes are estimates.")
    free = bytes_text(seen.place.free_bytes)
    console.say(f"Memory is forecast for {seen.context:,} tokens of context; {free} are free now.")
    return DONE


def _cells(seen: Look, one: Found) -> tuple[str, ...]:
    entry, best = one.entry, one.fit.best
    least = "" if one.fit.whole else ">= "
    return (
        entry.name,
        entry.id,
        entry.kind,
        text.count_text(entry.parameters),
        f"{entry.context:,}",
        _TERMS[seen.catalogue.licence(entry).terms],
        best.quantization,
        bytes_text(best.file_bytes),
        f"{least}{bytes_text(best.need_bytes)}",
        _VERDICTS[one.fit.verdict],
        "in the library" if entry.id in seen.owned else "",
    )


def _row(seen: Look, one: Found) -> dict[str, Any]:
    return {
        **encode(one.entry),
        "size_class": one.entry.size_class,
        "not_verified": list(one.entry.not_verified),
        "licence": encode(seen.catalogue.licence(one.entry)),
        "fit": encode(one.fit),
        "available_bytes": seen.place.free_bytes,
        "in_library": [f"{each.name}:{each.version}" for each in seen.owned.get(one.entry.id, ())],
    }


def _show(invocation: Invocation) -> int:
    seen = _look(invocation)
    one = seen.find(invocation.options.name)
    console, entry = invocation.console, one.entry
    console.document(_row(seen, one))
    console.heading(entry.name)
    console.say(entry.summary)
    console.pairs(_facts(entry))
    if entry.id in seen.owned:
        names = ", ".join(f"{each.name}:{each.version}" for each in seen.owned[entry.id])
        console.say(f"In the library: {text.printable(names)}")
    console.heading("Licence")
    _say_licence(invocation, seen.catalogue.licence(entry), gated=entry.gated)
    console.heading(f"Quantizations at {one.fit.context:,} tokens of context")
    on_gpu = bool(seen.place.gpu_bytes)
    heads = ("Quantization", "Bits/weight", "File", "Memory", "Verdict", *(["GPU"] if on_gpu else []), "Hash")
    rows = [_quantization(each, on_gpu=on_gpu, whole_need=one.fit.whole) for each in one.fit.quantizations]
    console.table(heads, rows, right=(1, 2, 3))
    console.say(
        f"{bytes_text(seen.place.free_bytes)} of {bytes_text(seen.place.total_bytes)} are free."
        " Sizes are estimated from the parameters and the real bits per weight, unless marked exact."
    )
    _say_evidence(invocation, entry)
    return DONE


def _facts(entry: Entry) -> list[tuple[str, str]]:
    languages = ", ".join(entry.languages[:_MOST_LANGUAGES])
    if entry.language_count > len(entry.languages):
        languages = f"{entry.language_count}{', among them ' + languages if languages else ''}"
    active = f", {text.count_text(entry.active_parameters)} for each token" if entry.active_parameters else ""
    pairs = [
        ("Id", entry.id),
        ("Family", f"{entry.family} by {entry.publisher}"),
        ("Kind", entry.kind + (", thinks before it answers" if entry.reasoning else "")),
        ("Parameters", f"{text.count_text(entry.parameters)}{active}"),
        ("Context", f"{entry.context:,} tokens"),
        ("Languages", languages or "not stated"),
    ]
    if entry.kind == KINDS[0]:
        pairs.append(("Tool use", "yes" if entry.tools else "no"))
        pairs.append(("Chat template", "yes" if entry.template else "no"))
    if entry.vector_size:
        pairs.append(("Vectors", f"{entry.vector_size} numbers"))
    pairs.append(("Repository", entry.repo + (f"@{entry.revision[:12]}" if entry.revision else "")))
    if entry.gguf_repo:
        pairs.append(("GGUF", entry.gguf_repo))
    return pairs


def _say_licence(invocation: Invocation, licence: Licence, *, gated: bool) -> None:
    console = invocation.console
    offices = "yes" if licence.government else "no"
    console.pairs(
        [
            ("Name", f"{licence.name} ({_TERMS[licence.terms]})"),
            ("Commercial use", "yes" if licence.commercial else "no"),
            ("Use by authorities", offices),
            ("Access", "after consent, with a token" if gated else "free"),
            ("Text", licence.url),
        ]
    )
    for one in licence.obligations:
        console.say(f"  - {one}")


def _quantization(one: QuantizationFit, *, on_gpu: bool, whole_need: bool) -> tuple[str, ...]:
    return (
        one.quantization,
        f"{one.bits_per_weight:.2f}",
        f"{bytes_text(one.file_bytes)}{' exact' if one.exact else ''}",
        f"{'' if whole_need else '>= '}{bytes_text(one.need_bytes)}",
        _VERDICTS[one.verdict],
        *(["whole" if one.on_gpu else "in part"] if on_gpu else []),
        one.sha256[:12],
    )


def _say_evidence(invocation: Invocation, entry: Entry) -> None:
    console = invocation.console
    console.heading("Where this is from")
    for one in entry.evidence:
        console.say(f"  {one.url}: {', '.join(_FACTS[fact] for fact in one.facts)}")
    if entry.not_verified:
        console.say(f"  Not verified: {', '.join(_FACTS[fact] for fact in entry.not_verified)}")
