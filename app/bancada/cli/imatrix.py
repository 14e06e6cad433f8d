"""``bancada imatrix`` and ``bancada matrices``: which columns of a model's weights matter for a text."""

from __future__ import annotations

from typing import Any

from bancada.catalog import collecting
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns, add_detach, clean, folder, whole
from bancada.cli.models import confirm
from bancada.cli.work import run_job
from bancada.context import AppContext
from bancada.core.errors import Canceled
from bancada.jobs.codec import encode
from bancada.quantization.jobs import MATRIX, MatrixParams
from bancada.storage import matrices
from bancada.storage.matrices import MatrixRecord


def add(nouns: Nouns) -> None:
    """Add the command and the noun to the grammar."""
    parser = nouns.command("imatrix", "compute an importance matrix of a model from a text", _compute)
    parser.add_argument("model", type=clean, metavar="MODEL", help="a GGUF model, best in 16 bits")
    parser.add_argument(
        "--text",
        type=folder,
        metavar="FILE|DIR",
        help="a text, or a folder of texts, like what the model will read (default: one that comes with it)",
    )
    parser.add_argument("--name", type=clean, default="", help="the matrix's name")
    parser.add_argument(
        "--context", type=whole(32, 8192), default=512, metavar="N", help="tokens of a chunk (default: 512)"
    )
    parser.add_argument(
        "--chunks", type=whole(1, 1_000_000), metavar="N", help="at most N chunks (default: the whole text)"
    )
    parser.add_argument("--ignore-memory", action="store_true", help="start even if memory looks short")
    add_detach(parser)
    verbs = nouns.noun("matrices", "importance matrices that were computed here")
    verbs.verb("list", "list them", _list)
    parser = verbs.verb("show", "show one, and what its text reached", _show)
    parser.add_argument("matrix", type=clean, metavar="MATRIX", help="name or id")
    parser = verbs.verb("remove", "remove one; models that were made with it stay", _remove)
    parser.add_argument("matrix", type=clean, metavar="MATRIX", help="name or id")
    parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")


def _compute(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        params = MatrixParams(
            version.id,
            text=str(options.text) if options.text else "",
            name=options.name,
            context=options.context,
            chunks=options.chunks,
        )
        title = f"Importance matrix of {version.name}:{version.version}"
        job = run_job(invocation, context, MATRIX, params, title=title, ignore_memory=options.ignore_memory)
        record = matrices.get(context.database, job.result["matrix_id"])
        _report(invocation, context, record)
    return DONE


def _list(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        records = matrices.list_matrices(context.database)
    invocation.console.listing(
        [encode(one) for one in records],
        "No importance matrix yet. Compute one with: bancada imatrix MODEL",
        ("Name", "Text", "Tokens", "Tensors", "Made (UTC)"),
        [
            (
                text.printable(one.name),
                text.printable(one.text_name),
                f"{one.tokens:,}",
                f"{one.coverage['tensors']} of {one.coverage['tensors_in_model']}",
                text.when_text(one.created_at),
            )
            for one in records
        ],
        right=(2,),
        optional=(4, 1),
    )
    return DONE


def _show(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        _report(invocation, context, matrices.find(context.database, invocation.options.matrix))
    return DONE


def _report(invocation: Invocation, context: AppContext, record: MatrixRecord) -> None:
    covered: dict[str, Any] = record.coverage
    invocation.console.document(
        {**encode(record), "path": str(context.blobs.path(record.sha256)), "matrix_id": record.id}
    )
    invocation.console.heading(text.printable(record.name))
    gaps = [
        *(f"{name} was not seen" for name in covered["missing"]),
        *(f"{name}: {count} experts were never used" for name, count in covered["unreached"].items()),
        *(f"{name}: {count} columns stayed zero" for name, count in covered["silent"].items()),
    ]
    invocation.console.pairs(
        [
            ("Text", record.text_name),
            ("Chunks", f"{record.chunks} of {record.context} tokens"),
            ("Tensors", f"{covered['tensors']} of {covered['tensors_in_model']}"),
            ("Id", record.id),
            *(("Gap", text.printable(one)) for one in gaps),
        ]
    )


def _remove(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        record = matrices.find(context.database, invocation.options.matrix)
        question = f"Remove the importance matrix {record.name}?"
        if not invocation.options.yes and not confirm(invocation, question):
            raise Canceled
        matrices.remove(context.database, record.id)
        freed = collecting.collect(context.home, context.blobs)
    invocation.console.document({"removed": record.id, "freed_bytes": freed})
    invocation.console.say(f"Removed {text.printable(record.name)}.")
    return DONE
