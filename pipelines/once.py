"""The process that runs the line once and ends: `python -m pipelines.once`."""

from rich.console import Console

from pipelines.line import run_once

if __name__ == "__main__":
    run_once(Console())
