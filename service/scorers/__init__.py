"""Scorers: what is run for a request, the built-in documents and a user's own code, by one interface and one way.

reference   package.module:Name ──→ the class or function, or one sentence with file, line and cause
declaration what it declares: name, version, types, cost …
description the same as a value, made in a process of its own: the server never imports a user's code
codec       bytes ──→ its request type, its result ──→ bytes
handler     a worker's handler around it
documents   the built-in scorer
apart       a function in a process of its own
trial       what a scorer must do before it serves
"""
