"""Texts as people have them, read one document at a time: formats, compressions, encodings, ids, faults with a line.

    bytes → compression → lines (encoding, line ends) → json_lines | tables | plain lines → Document(id, text, line)
    parquet ──────────────────────────────────────────────────────────────────────────────↗
                                     `corpus` opens files and folders; `ids` has ids be distinct

Memory is bounded by the longest document that the limits allow, whatever the size of the file or of what it expands to.
Nothing here knows of models, sockets or jobs.
"""
