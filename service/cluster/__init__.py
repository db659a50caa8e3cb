"""The work of a corpus on a Dask cluster: the same plan, records and results as on one machine.

    client, the machine with the corpus's folder                 | workers, anywhere
    texts ──────────── parts, some a task ──────────────────────→ embed, with a bundle that is there or is sent once
    embed records ←─── payloads ─────────────────────────────────
    blocks ─────────── scattered once, then from worker to worker → held in memory
    tiles records ←─── hits, some tiles a task ←─────────────────  compare, thinned by the lists of the round before

The stages between these (`arrange`, `merge`, …) run beside the folder. All state is in the folder: a worker or a
scheduler that dies costs the tasks that it had, which are done again; a step is done when its record is in the folder.

    address | errors | versions      what is written down; what goes wrong; who fits together
    connection | held                a cluster that may be lost and come back; values that its workers hold
    bundle_store, worker_steps       what runs in workers
    bundle_delivery                  a bundle's files to workers that do not have it
    groups                           which steps make one task
    stages | scoring                 one stage; a whole plan

Workers are told functions of this package by name, with arguments that they unpickle: a cluster trusts its clients
and its clients trust it (`docs/corpora.md`). The package is an extra, and nothing imports it but for a command that
is asked to use a cluster.
"""
