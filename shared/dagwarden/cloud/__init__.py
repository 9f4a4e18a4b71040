"""The only importer of google.cloud.*: typed thin wrappers, lazily made, every foreign exception mapped once."""
