"""The part of optimum-onnx 0.1 that Bancada uses."""

from pathlib import Path

def main_export(
    model_name_or_path: str,
    output: Path,
    task: str = "auto",
    *,
    device: str = "cpu",
    local_files_only: bool = False,
    trust_remote_code: bool = False,
    library_name: str | None = None,
) -> None: ...
