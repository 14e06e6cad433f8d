"""The pages of the window, by name: naming one does not import it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PageSpec:
    """A page of the rail. ``title`` is translated by the rail; ``target`` is built at the first visit."""

    id: str
    title: str
    icon: str
    target: str
    shortcut: str
    bottom: bool = False


PAGES: Final = (
    PageSpec("home", "Home", "home", "bancada.gui.pages.home.page:HomePage", "Ctrl+1"),
    PageSpec(
        "playground",
        "Playground",
        "chat",
        "bancada.gui.pages.playground.page:PlaygroundPage",
        "Ctrl+2",
    ),
    PageSpec(
        "models",
        "Models",
        "cube",
        "bancada.gui.pages.models.page:ModelsPage",
        "Ctrl+3",
    ),
    PageSpec(
        "quantize",
        "Convert & quantize",
        "layers",
        "bancada.gui.pages.quantize.page:QuantizePage",
        "Ctrl+4",
    ),
    PageSpec(
        "benchmark",
        "Benchmark",
        "gauge",
        "bancada.gui.pages.benchmark.page:BenchmarkPage",
        "Ctrl+5",
    ),
    PageSpec("jobs", "Jobs", "list", "bancada.gui.pages.jobs:JobsPage", "Ctrl+6", bottom=True),
    PageSpec(
        "settings",
        "Settings",
        "sliders",
        "bancada.gui.pages.settings:SettingsPage",
        "Ctrl+7;Ctrl+,",
        bottom=True,
    ),
)
