"""Document scoring: text to tokens, vectors, clusters and similarities; it knows no HTTP, processes or clocks."""
