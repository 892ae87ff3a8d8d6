"""Pure decisions of metrics. Source: http://hl7.org/fhir/R4/measurereport.html."""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.fhir.json import Number


def score(counts: Mapping[str, int]) -> Number | None:
    """The proportion numerator / denominator with four decimals; None while the denominator is empty."""
    denominator = counts.get("denominator", 0)
    return Number(f"{counts.get('numerator', 0) / denominator:.4f}") if denominator else None
