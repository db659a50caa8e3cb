"""Flask, for gunicorn's pre-forked synchronous workers: one request at a time in each process."""

from flask import Flask, Response, request

from bench.comparison.apps.scoring import load

app = Flask(__name__)
score = load()


@app.post("/score")
def answer() -> Response:
    return Response(score(request.get_data()), mimetype="application/json")


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
