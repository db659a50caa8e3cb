# The service without a model: mount a bundle on /bundle and set SCOREPOOL_JWT_SECRET or another source of keys.
#
#   docker run -p 127.0.0.1:8000:8000 -v ./bundle:/bundle:ro -e SCOREPOOL_JWT_SECRET scorepool
#
# deploy/bundle.Dockerfile makes an image with a model. Both run with a read-only root, without capabilities, as any user.

# Both stages start from it, so that the environment finds the interpreter that it was made with. Any image with
# Python 3.11 to 3.13 and Debian's apt will do.
ARG BASE=docker.io/library/python:3.13.7-slim-bookworm@sha256:adafcc17694d715c905b4c7bebd96907a1fd5cf183395f0ebc4d3428bd22d92d


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

# The libraries' own tests are a fifth of the environment. Of gensim's the page has its example.
RUN find /opt/scorepool -type d -name tests -prune -exec rm -r {} + \
    && find /opt/scorepool -path '*/gensim/test/test_data/*' ! -name 'lee*.cor' -delete


FROM ${BASE}

# Again, since a FROM ends what was declared before it. `make image` sets the other two.
ARG BASE
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="Scorepool" \
      org.opencontainers.image.description="Document scoring over HTTP that never stops answering" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"

# As process 1, tini reaps the workers that a dead fork server leaves behind and passes signals on.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends 'tini=0.19.*' \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin

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
