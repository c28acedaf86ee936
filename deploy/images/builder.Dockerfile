# What makes images on nodes, on the control plane's image of alcove.Dockerfile, whose base has apt-get:
#   alcove images export needs no Docker and no base image; this is for those who have both.
#
#   docker build -f deploy/images/builder.Dockerfile --build-arg ALCOVE=alcove/alcove:0.1.0 -t alcove/builder:0.1.0 .
ARG ALCOVE=alcove/alcove:0.1.0
FROM ${ALCOVE}

USER 0:0
# Of containerd only its client is used.
RUN apt-get update \
 && apt-get install -y --no-install-recommends buildah runc containerd util-linux \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -m 0700 -p /var/lib/alcove-build
