"""F03 by the command line; larger by hand: ``python tests/e2e/killed_download.py 1000 20``."""

from __future__ import annotations

from pathlib import Path

from e2e.killed_download import ALLOWED, trial
from e2e.workspaces import times


def test_a_download_that_is_killed_again_and_again(tmp_path: Path) -> None:
    kills = times("BANCADA_TEST_KILLS", 2)
    outcome = trial(tmp_path, times("BANCADA_TEST_BYTES", 8_000_000), kills)
    assert len(outcome.lost) == kills
    assert max(outcome.lost) <= ALLOWED, outcome
    assert outcome.right_hash
    assert outcome.early == []  # the final name never had another content
    assert outcome.quarantined == 1  # the flipped byte was noticed
    assert outcome.left_over == []
