"""The built-in scorer: `/score` and `/explain` of documents with one bundle."""
