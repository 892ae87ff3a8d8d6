"""FHIR search without a database: what a resource puts into the index, and what a URL asks of it.

`extract` gives a resource's index rows (`rows`), `parse_query` reads a URL's parameters into a tree (`query`).
"""

from carethread.core.fhir.search.extract import extract
from carethread.core.fhir.search.parse import parse_query
from carethread.core.fhir.search.query import SearchQuery
from carethread.core.fhir.search.rows import IndexRows

__all__ = ["IndexRows", "SearchQuery", "extract", "parse_query"]
