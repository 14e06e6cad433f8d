"""Logs rotate, are bounded, and hold no secrets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bancada.core import logs


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield root
    for one in [one for one in root.handlers if one not in before]:
        root.removeHandler(one)
        one.close()
    root.setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        "password=SECRETSECRET",
        "passphrase: SECRETSECRET",
        '{"token": "SECRETSECRET"}',
        "Authorization: Bearer SECRETSECRET",
        "api_key='SECRETSECRET'",
        "https://host/?token=SECRETSECRET&x=1",
        "use hf_SECRETSECRETSECRET now",
    ],
)
def test_secrets_are_replaced(text: str) -> None:
    hidden = logs.redact(text.encode()).decode()
    assert "SECRET" not in hidden
    assert "[secret]" in hidden


def test_plain_words_stay() -> None:
    text = b"12 tokens per second; token 17 of 20; the password was wrong"
    assert logs.redact(text) == text


def test_the_program_log_rotates_and_redacts(tmp_path: Path, root_logger: logging.Logger) -> None:
    logs.configure(tmp_path, "cli")
    logs.configure(tmp_path, "cli")
    ours = [one for one in root_logger.handlers if isinstance(one.formatter, logs.RedactingFormatter)]
    assert len(ours) == 1
    logging.getLogger("x").error("odd \ud800 text", exc_info=ValueError("token=abcdefgh"))
    for _ in range(700):
        logging.getLogger("x").info("%s", "y" * 4_000)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["cli.log", "cli.log.1"]
    text = (tmp_path / "cli.log.1").read_text(encoding="utf-8")
    assert "abcdefgh" not in text
    assert "ValueError" in text
    assert "Z ERROR" in text


def test_a_folder_that_cannot_be_written_leaves_stderr(
    tmp_path: Path, root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(tmp_path / "missing", "cli")
    logging.getLogger("x").info("to stderr")
    assert "to stderr" in capsys.readouterr().err


def test_a_worker_log_is_bounded_and_keeps_its_tail(tmp_path: Path) -> None:
    path = tmp_path / "worker-job-1.log"
    with logs.WorkerLog(path, limit=10_000, tail_bytes=500) as log:
        for number in range(2_000):
            log.write(f"line {number} password=abc".encode())
            log.write(b"def\n")
        log.write(b"no end")
        assert log.tail(2) == "line 1999 password=[secret]\nno end"
        assert len(log.tail(1_000)) <= 500
        log.note("noted")
    files = sorted(tmp_path.iterdir())
    assert [one.name for one in files] == ["worker-job-1.log", "worker-job-1.log.1"]
    assert all(one.stat().st_size <= 10_000 for one in files)
    assert files[0].read_text().endswith("no end\n[bancada] noted\n")


def test_a_line_without_end_and_a_huge_piece_stay_bounded(tmp_path: Path) -> None:
    with logs.WorkerLog(tmp_path / "log", limit=10_000, tail_bytes=500) as log:
        log.write(b"x" * 100_000)
        log.write(b"y" * 100_000 + b"\n")
        assert log.tail().endswith("y" * 400)
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= 20_000


def test_a_log_that_cannot_be_written_keeps_the_tail(tmp_path: Path) -> None:
    with logs.WorkerLog(tmp_path / "missing" / "log") as log:
        log.write(b"one\ntwo\n")
        assert log.tail() == "one\ntwo"
    if Path("/dev/full").exists():
        full = logs.WorkerLog(Path("/dev/full"))
        full.write(b"one\n")
        full.write(b"two\n")
        assert full.tail() == "one\ntwo"
        full.close()


def test_old_worker_logs_go(tmp_path: Path) -> None:
    for number in range(210):
        path = tmp_path / f"worker-job-{number:03d}.log"
        path.write_text("x")
        os.utime(path, (number, number))
    (tmp_path / "gui.log").write_text("x")
    assert logs.prune_worker_logs(tmp_path) == 10
    assert not (tmp_path / "worker-job-009.log").exists()
    assert (tmp_path / "worker-job-010.log").exists()
    assert (tmp_path / "gui.log").exists()
    assert logs.prune_worker_logs(tmp_path / "missing") == 0
