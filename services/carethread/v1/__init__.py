"""Generated from `proto/carethread/v1` by `make proto`; not edited by hand."""
