"""The process in a builder's pod: an identity, the driver that fits the node's runtime, a server."""
