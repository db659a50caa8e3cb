"""The `scorepool` command: `main` lists the commands, each is one module with its options and its work."""
