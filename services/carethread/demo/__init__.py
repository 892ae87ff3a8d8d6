"""A made-up practice to try CareThread on: `generate` makes it, `load` brings it in over REST, `run` shows it doing so;
`run_history` brings in what happened before.

Importing this package loads neither the HTTP client nor the terminal library; their first use does.
"""

from __future__ import annotations

from carethread.demo.command import examples, run, run_history
from carethread.demo.loader import Counts, Refusal, load
from carethread.demo.practice import generate

__all__ = ["Counts", "Refusal", "examples", "generate", "load", "run", "run_history"]
