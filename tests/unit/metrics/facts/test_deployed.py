"""In containers each role of metrics has the folder of the facts, which the image's user may write to."""

from __future__ import annotations

import re
from pathlib import Path

from carethread.core.settings import Settings

ROOT = Path(__file__).parents[4]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
IMAGE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")


def test_the_facts_lie_in_a_volume_that_the_image_has_made_ready() -> None:
    (data,) = re.findall(r"CARETHREAD_DATA=(\S+)", IMAGE)
    folder = str(Settings(data=Path(data)).facts_folder)
    assert re.search(rf"install -d -o carethread .*{re.escape(folder)}$", IMAGE, re.MULTILINE)
    serving = [each for each in re.split(r"\n  (?=\w+:)", COMPOSE) if re.search(r"command: \[serve, metrics\b", each)]
    assert serving
    assert all(f'"facts:{folder}"' in each for each in serving)
    assert "\nvolumes:\n  facts:\n" in COMPOSE
