# A place where clients are, or a hand in a region: load, probes and read-back run in it, entered by the harness (see
# docs/load-elsewhere.md). It holds no credentials and calls no AWS API; nothing in it listens.
FROM python:3.11.13-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

WORKDIR /opt/gameday

COPY requirements-place.lock ./
RUN python -m venv .venv && .venv/bin/pip install --require-hashes -r requirements-place.lock

COPY harness/ harness/
COPY loadtests/ loadtests/
# Compiling Locust and the project anew would take a second of every start, and the user below cannot write here.
RUN .venv/bin/python -m compileall -q harness loadtests

RUN useradd --create-home --uid 10001 gameday
USER gameday

# It waits to be entered: `docker exec -i`, or what the platform has in its place.
CMD ["sleep", "infinity"]
