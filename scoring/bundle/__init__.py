"""The model bundle: one folder of flat files, written once and memory-mapped read-only by every worker.

    bundle     opening and writing one
    files      its open files, which outlive their folder; finding damage
    manifest   `manifest.json`: its fields and their ranges, which files there are and their shapes
    npy        one array as one `.npy` file
    rows       vectors in memory, in a file, or computed row by row
    publish    a folder that appears whole or not at all
    model      a model in memory, which a bundle is written from

A new array needs its name and shape in `Manifest.shapes`, its content in `Model.arrays` and a field in `Bundle`.
"""
