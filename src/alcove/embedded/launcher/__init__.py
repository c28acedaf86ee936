"""The process that owns namespaces, mounts and containers.

::

    daemon: client ──(Unix socket: JSON and descriptors)──► server ──fork──► child ──exec──► container
            steps                                             │  └─ links (raw netlink)
                                                              └─ roots, credentials, syscalls

The launcher is a small single-threaded Python process and the first process of a pid namespace of its own;
every container and tool is its descendant. When it ends, for whatever reason, the kernel ends all of them,
and with them go the mounts (which live in the containers' mount namespaces) and the network namespaces
(which it holds as descriptors only). It ends itself when the daemon's end of the socket is closed, which
the kernel does even for a daemon that was killed. So nothing has to be cleaned up, ever, by anyone.

The daemon imports *client* and *steps*; the other modules run in the launcher and import nothing but the
standard library.
"""
