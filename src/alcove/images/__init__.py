"""Alcove's own images: where their programs are on this machine, and how they become archives.

*programs* finds the agent and Envoy. An archive is made without Docker and without a base image: *trees*
says which files of this machine an image consists of, *closure* which shared libraries its programs load,
*recipes* which layers the three images have, *layout* writes them, the same bytes for the same files.
"""
