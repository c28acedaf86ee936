"""Facts about Kubernetes' wire format, written by ``scripts/generate_protobuf.py``."""
