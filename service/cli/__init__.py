"""The `scorepool` command: `main` declares the options; each command's work is in the module of its name.

`scorepool token` is in `issue_token`, `scorepool import` in `import_model` (`import` is a keyword). `demo` is
`make run`, `healthcheck` the probe of container engines. `serve` calls `service.server`, `openapi`
`service.api.openapi`.
"""
