"""PATCH: the languages that say how a resource changes, each over parsed JSON, so that numbers keep their text.

A patch is read once, before anything is locked, and gives a function from a resource to the changed resource.
Source: http://hl7.org/fhir/R4/http.html#patch.
"""

from carethread.core.fhir.patch.fhirpatch import fhir_patch
from carethread.core.fhir.patch.jsonpatch import json_patch
from carethread.core.fhir.patch.mergepatch import merge_patch

__all__ = ["fhir_patch", "json_patch", "merge_patch"]
