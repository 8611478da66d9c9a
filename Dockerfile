ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY ticketcore ticketcore
COPY projections projections
COPY workers workers
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# No pip and no tools inside: the build's own pip fills it.
RUN python -m venv --without-pip /opt/ticketcore \
 && pip --python /opt/ticketcore/bin/python install --no-cache-dir "$(ls /wheels/ticketcore-*.whl)[workers]"

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="ticketcore" \
      org.opencontainers.image.description="Relay, projectors and command line of an event-sourced ticket core" \
      org.opencontainers.image.licenses="Apache-2.0"
# The home is what a fresh named volume takes over, with its owner: key files lie there.
RUN groupadd --system --gid 10001 ticketcore \
 && useradd --system --uid 10001 --gid 10001 --create-home --home-dir /var/lib/ticketcore --shell /usr/sbin/nologin ticketcore
COPY --from=build /opt/ticketcore /opt/ticketcore
ENV PATH=/opt/ticketcore/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/ticketcore
STOPSIGNAL SIGTERM
# What is healthy depends on the command: docker-compose.yml says it for each.
HEALTHCHECK NONE
ENTRYPOINT ["ticketcore"]
CMD ["--help"]
