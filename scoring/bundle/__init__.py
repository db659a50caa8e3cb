"""The model bundle: one folder of flat files, written once and memory-mapped read-only by every worker."""
