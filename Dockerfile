# The service without a model: mount a bundle on /bundle and set SCOREPOOL_JWT_SECRET or another source of keys.
#
#   docker run -p 127.0.0.1:8000:8000 -v ./bundle:/bundle:ro -e SCOREPOOL_JWT_SECRET scorepool
#
# It runs with a read-only root, without capabilities, as any user.

# Both stages start from it, so that the environment finds the interpreter that it was made with.
ARG BASE=docker.io/library/python:3.13.7-slim-bookworm


FROM ${BASE} AS build

# requirements-tracing.txt adds OpenTelemetry.
ARG REQUIREMENTS=requirements.txt

WORKDIR /source
COPY requirements.txt requirements-tracing.txt requirements-dev.txt ./

# Wheels alone, each with its hash: nothing is compiled. The environment that leaves here has no pip.
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/scorepool \
    && python3 -m venv /opt/build \
    && /opt/build/bin/pip --python /opt/scorepool install --disable-pip-version-check \
        --only-binary :all: --require-hashes -r "${REQUIREMENTS}" \
    && sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.txt > setuptools.txt \
    && /opt/build/bin/pip install --disable-pip-version-check --no-deps --require-hashes -r setuptools.txt

COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY scoring scoring
COPY service service
RUN /opt/build/bin/pip wheel --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /opt/build/bin/pip --python /opt/scorepool install --disable-pip-version-check --no-deps /wheel/*.whl


FROM ${BASE}

# As process 1, tini reaps the workers that a dead fork server leaves behind and passes signals on.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends 'tini=0.19.*' \
    && rm -rf /var/lib/apt/lists/*

COPY --from=build /opt/scorepool /opt/scorepool

# The fork server's socket needs a writable folder, and /dev/shm is one also under a read-only root.
ENV PATH=/opt/scorepool/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/dev/shm \
    SCOREPOOL_BUNDLE=/bundle \
    SCOREPOOL_HOST=0.0.0.0 \
    SCOREPOOL_PORT=8000

USER 10001:10001
EXPOSE 8000

HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python3", "-m", "service.cli.healthcheck", "/livez"]

# SIGTERM drains: give the container longer to stop than SCOREPOOL_DRAIN_DELAY_S + SCOREPOOL_DRAIN_TIMEOUT_S.
ENTRYPOINT ["tini", "--", "scorepool"]
CMD ["serve"]
