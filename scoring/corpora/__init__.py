"""Corpora: more documents than a request takes, compared in many small steps whose results are files.

    options | plan    what is asked; the stages and steps that answer it (pure, light to import)
    folder            the files of one corpus; records (checksummed), documents and their names
    arrangement | tiles | lists | pairs | groups
                      the arithmetic, on arrays alone: any driver may use it
    steps             one step: files in, arrays, files out
    results           the finished files, read by ranges
    local             all steps of a plan, in this process or in several

Texts become vectors, similar documents are put side by side, blocks of them are compared by tiles, and each block's
lists are merged and thin what later tiles find. Every step can be repeated and gives the same bytes.
"""
