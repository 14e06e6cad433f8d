from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bancada.core.paths import Home
from bancada.storage.database import open_database

#: each of these was in every worker's memory once, for something that hardly any worker does
NOT_NEEDED = (
    "numpy",
    "importlib.metadata",
    "email",
    "dateutil.parser._parser",
    "difflib",
    "statistics",
    "bancada.core.error_catalog",
)


def test_a_worker_that_answers_imports_only_what_it_needs(tiny: Path, tmp_path: Path) -> None:
    open_database(Home(tmp_path)).close()
    code = f"""
import sys
import threading
from pathlib import Path

import bancada.worker.runner
import bancada.worker.handlers.model_session
from bancada.core.paths import Home
from bancada.engines.llama_backend import LlamaBackend
from bancada.inference.types import GenerationRequest, LoadSpec, Message
from bancada.jobs.job_context import JobContext
from bancada.storage import settings

context = JobContext("one", Home(Path(sys.argv[2])), lambda message: None, threading.Event())
assert settings.get(context.database, "network.sealed")
backend = LlamaBackend()
backend.load(LoadSpec(sys.argv[1], "gguf", context=256))
request = GenerationRequest(messages=(Message("user", "Hello"),), max_tokens=3, ignore_end=True)
assert len(backend.generate(request, lambda token: None, lambda: False).token_ids) == 3
print([name for name in {NOT_NEEDED!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
