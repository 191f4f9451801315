# syntax=docker/dockerfile:1
# The service: `docker build -t earmark .`, then see docs/service.md#docker.
# Nothing secret goes in: keys lie hashed in the library's folder, which is the volume /data.

FROM python:3.13.7-slim-bookworm AS build
# Which extras the image holds: with scores 180 MB more, with milvus some hundred.
ARG EXTRAS=server
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src ./src
# The slim image has no C compiler: the build hook fetches one from PyPI for itself and drops it.
RUN python -m pip wheel --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/earmark \
 && /opt/earmark/bin/python -m pip install "$(ls /wheels/earmark-*.whl)[${EXTRAS}]" \
 && /opt/earmark/bin/python -m pip uninstall --yes pip \
 && /opt/earmark/bin/earmark --version

FROM python:3.13.7-slim-bookworm
RUN groupadd --gid 10001 earmark \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin earmark \
 && install --directory --owner=10001 --group=10001 --mode=0750 /data
COPY --from=build /opt/earmark /opt/earmark
# XDG_CACHE_HOME: where `earmark models fetch` puts weights, so that they outlive the container.
# HOME: for `docker run --user`, whose uid the image may not know.
ENV PATH=/opt/earmark/bin:$PATH \
    HOME=/data \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EARMARK_LIBRARY=/data/library \
    XDG_CACHE_HOME=/data/cache \
    EARMARK_SERVE_HOST=0.0.0.0 \
    EARMARK_SERVE_PORT=8645
WORKDIR /data
VOLUME /data
EXPOSE 8645
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['EARMARK_SERVE_PORT']), timeout=8); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["earmark"]
CMD ["serve"]
