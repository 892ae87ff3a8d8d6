"""The Measure of documentation burden, and the CodeSystem of its groups."""

from __future__ import annotations

MEASURE = "https://carethread.dev/fhir/Measure/documentation-burden"
CODES = "https://carethread.dev/fhir/CodeSystem/documentation-burden"
