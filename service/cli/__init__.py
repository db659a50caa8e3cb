"""The `scorepool` command: `main` declares the options, one module does the work of each command."""
