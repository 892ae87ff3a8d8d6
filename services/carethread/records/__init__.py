"""The EHR's side of the picture: every R4 type that no other service owns."""

from carethread.core.service import Service
from carethread.records import matching, merging
from carethread.records.resources import TYPES

SERVICE = Service(
    name="records",
    about="The EHR's side of the picture: every R4 type that no other service owns.",
    types=TYPES,
    operations=(*matching.OPERATIONS, *merging.OPERATIONS),
    definitions=("CodeSystem", "ConceptMap", "OperationDefinition", "StructureDefinition", "ValueSet"),
)
