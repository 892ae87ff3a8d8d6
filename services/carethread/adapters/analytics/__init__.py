"""Facts as Parquet files, and DuckDB, which writes and reads them."""
