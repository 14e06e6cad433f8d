"""Errors of jobs and their workers."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "jobs.not_found": (
        "There is no job {job}.",
        "It may have been removed, or the id is not complete.",
        "List the jobs and choose one of them.",
    ),
    "jobs.not_resumable": (
        "The job {job} cannot be resumed: it is {status}.",
        "Only jobs that failed, were canceled or were interrupted can be run again.",
        "Start a new job, or wait until this one has ended.",
    ),
    "jobs.unknown_kind": (
        "This version of Bancada does not know jobs of the kind {kind}.",
        "The job was made by another version of the program.",
        "Use the version that made it, or start the work anew.",
    ),
    "jobs.interrupted": (
        "The job was interrupted: the program that ran it ended.",
        "What it had finished is kept.",
        "Resume it; it continues where it stopped.",
    ),
    "jobs.memory_short": (
        "{subject} needs about {need} of memory, but only {have} is free.",
        "It would make the machine slow, or the system would end it.",
        "Close other programs or models, choose a smaller context or model, or start it all the same.",
    ),
    "jobs.closed": (
        "{job} cannot be started now: the program is ending.",
        "No new work is taken.",
        "Start the program again.",
    ),
    "session.closed": (
        "The model was closed.",
        "Its worker has ended, so it takes no more requests.",
        "Open the model again.",
    ),
    "worker.not_started": (
        "A worker process could not be started: {detail}.",
        "The system refused a new process, often for lack of memory or by a limit on processes.",
        "Close other programs and try again.",
    ),
    "worker.start_timeout": (
        "The worker did not get ready in time.",
        "Loading took too long, so it was ended. The machine may be very busy.",
        "Try again when the machine is quieter, or choose a smaller model.",
    ),
    "worker.out_of_memory": (
        "The worker ran out of memory: it held {peak}, and {have} were to be had.",
        "It was ended; the program and your data are well.",
        "Choose a smaller context, a smaller or more strongly quantized model, or close other programs.",
    ),
    "worker.killed": (
        "The worker was ended from outside by signal {signal} ({name}).",
        "Somebody or another program ended it. Its finished work is kept.",
        "Run it again.",
    ),
    "worker.crashed": (
        "The worker crashed in native code with signal {signal} ({name}).",
        "A library failed, often because of a damaged or unusual file. The program and your data are well.",
        "Run it again; if it crashes with this model each time, import the model anew or use another.",
    ),
    "worker.no_result": (
        "The worker ended without a result (exit code {exit_code}).",
        "It left before its work was finished.",
        "Run it again, and look at the details for its last words.",
    ),
    "worker.hung": (
        "The worker gave no sign of life for {seconds} seconds and was ended.",
        "It was stopped, or stuck in native code.",
        "Run it again.",
    ),
    "worker.failed": (
        "The work failed: {detail}.",
        "This is probably a defect of the program or of a library. Nothing was lost.",
        "Try again; if it happens again, copy the details and report them.",
    ),
    "worker.disk_full": (
        "The disk is full: {have} are free in {path}.",
        "The work could not be finished. What was there before is unchanged.",
        "Free some space, then resume the job.",
    ),
    "message.malformed": (
        "A message or stored value is not as it should be: {field} is {value}.",
        "It was made by another version of the program, or damaged.",
        "Try again; if it happens again, copy the details and report them.",
    ),
    "message.too_large": (
        "A message of {size} bytes is larger than the {limit} that can be sent.",
        "A text that was given, or a result, is too long.",
        "Use a shorter text.",
    ),
    "engine.unknown_format": (
        "No engine runs models of the format {format}.",
        "This version of Bancada cannot run the model.",
        "Convert it to GGUF or ONNX, or use a newer version.",
    ),
    "engine.option_unsupported": (
        "The engine {engine} cannot do {option}.",
        "The request was not started.",
        "Leave the option out, or use a model of another format.",
    ),
}
