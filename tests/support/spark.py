"""Spark for tests: one that a run begins once, made for few rows, and the reason why there is none."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from support.run import Unavailable

if TYPE_CHECKING:
    from carethread.adapters.analytics.spark import SparkAnalytics

FEW_ROWS = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
"""To compile a plan takes longer than to run it over a thousand rows."""


def analytics(folder: Path) -> SparkAnalytics:
    """The facts in a folder; Spark starts when they are looked at. Raises Unavailable."""
    if find_spec("pyspark") is None or find_spec("sqlglot") is None:
        raise Unavailable("pyspark and sqlglot are not installed (extra spark)")
    if shutil.which("java") is None:
        raise Unavailable("there is no Java, which Spark needs")
    from carethread.adapters.analytics.spark import SparkAnalytics

    return SparkAnalytics(folder, "local[2]", FEW_ROWS)
